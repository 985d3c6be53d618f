package sentinel.edge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The time of a payment is divided among the hops of a task without gap or overlap. */
class PaymentTimesTest {

    private static final long BEGIN_US = 1_700_000_000_000_000L;

    private final Map<String, Counter> counters = new HashMap<>();
    private final MetricGroup group = new UnregisteredMetricsGroup() {
        @Override
        public <C extends Counter> C counter(String name, C counter) {
            counters.put(name, counter);
            return counter;
        }
    };
    private long nowMs;
    private PaymentTimes times;

    @BeforeEach
    void open() {
        times = new PaymentTimes(group, () -> BEGIN_US + nowMs * 1_000);
        times.open();
    }

    @AfterEach
    void close() {
        PaymentTimes.close();
        assertNull(PaymentTimes.ofTask());
    }

    private void arriveAt(long ms, long leftMs, int payments) {
        nowMs = ms;
        times.arrived(BEGIN_US + leftMs * 1_000, payments);
    }

    private void batch(long fromMs, long emittedMs, long toMs, int payments) {
        nowMs = fromMs;
        times.flushed();
        nowMs = emittedMs;
        times.emitted(payments);
        nowMs = toMs;
        times.finished();
    }

    private long sumMs(String hop) {
        return counters.get(hop + "_us").getCount() / 1_000;
    }

    private long payments(String hop) {
        return counters.entrySet().stream()
                .filter(each -> each.getKey().startsWith(hop + "_bucket_"))
                .mapToLong(each -> each.getValue().getCount())
                .sum();
    }

    @Test
    void aPaymentIsOnTheWayThenGatheredThenInTheStage() {
        arriveAt(7, 2, 3);
        batch(11, 31, 35, 3);
        assertEquals(3 * 5, sumMs("exchange"));
        assertEquals(3 * 4, sumMs("buffer"));
        assertEquals(3 * 20, sumMs("stage"));
        assertEquals(3, counters.get("exchange_bucket_5000_us").getCount());
        assertEquals(3, counters.get("stage_bucket_20000_us").getCount());
        assertEquals(0, payments("behind") + payments("checkpoint"));
        assertEquals(BEGIN_US + 31_000, times.emittedUs());
    }

    @Test
    void theWaitBehindABatchAndForACheckpointIsTakenOutOfTheExchange() {
        batch(10, 18, 20, 0);
        nowMs = 20;
        long began = times.standStillBegan();
        nowMs = 50;
        times.standStillEnded(began);
        batch(50, 54, 55, 0);
        // Sent at 14: six milliseconds of the first batch, all of the checkpoint and of the second, and two on the way.
        arriveAt(57, 14, 2);
        assertEquals(2 * (6 + 5), sumMs("behind"));
        assertEquals(2 * 30, sumMs("checkpoint"));
        assertEquals(2 * 2, sumMs("exchange"));
        assertEquals(30, sumMs("stand_still"));
        assertEquals(1, payments("stand_still"));
    }

    @Test
    void everyMicrosecondOfManyPaymentsIsInOneHop() {
        long total = 0;
        for (int round = 0; round < 100; round++) {
            long start = round * 10;
            arriveAt(start + 1, start - 7, 1);
            arriveAt(start + 2, start - 1, 2);
            batch(start + 3, start + 6, start + 9, 3);
            total += (6 + 7) + 2 * (6 + 1);
        }
        assertEquals(
                total, sumMs("exchange") + sumMs("behind") + sumMs("checkpoint") + sumMs("buffer") + sumMs("stage"));
        assertEquals(300, payments("buffer"));
        assertEquals(300, payments("stage"));
    }

    @Test
    void recordsThatAreNoPaymentsCountNowhere() {
        arriveAt(7, 2, 0);
        batch(9, 10, 11, 0);
        assertEquals(0, counters.values().stream().mapToLong(Counter::getCount).sum());
    }

    @Test
    void clocksThatDisagreeMakeNoNegativeTime() {
        arriveAt(7, 9, 1);
        assertEquals(0, sumMs("exchange"));
        assertEquals(1, counters.get("exchange_bucket_200_us").getCount());
    }

    @Test
    void moreThanABucketHoldsIsCountedInTheLast() {
        arriveAt(5_000, 0, 1);
        assertEquals(1, counters.get("exchange_bucket_inf_us").getCount());
    }

    @Test
    void theOperatorsOfATaskShareOneInstance() {
        assertSame(times, PaymentTimes.ofTask());
        nowMs = 3;
        times.flushed();
        nowMs = 8;
        new Explode(new int[][] {{0, 1}}, new String[] {"decisions"}, 3, "decisions")
                .flatMap(
                        Row.of(new Object[] {new byte[1], new byte[1]}, new Object[] {new byte[1], new byte[1]}),
                        new org.apache.flink.api.common.functions.util.ListCollector<>(new java.util.ArrayList<>()));
        assertEquals(2 * 5, sumMs("stage"));
    }

    @Test
    void theSinkOfADecisionEndsWithItsAcknowledgement() {
        Hop sink = new Hop(group, "sink");
        ProducerRecord<byte[], byte[]> record =
                new Acknowledgements.Measured("decisions", null, new byte[1], sink, Hop.nowUs() - 2_000_000);
        Acknowledgements interceptor = new Acknowledgements();
        assertEquals(0, interceptor.onSend(record).headers().toArray().length);
        interceptor.onAcknowledgement(null, null, record.headers());
        interceptor.onAcknowledgement(null, new Exception("not written"), record.headers());
        interceptor.onAcknowledgement(null, null, new ProducerRecord<byte[], byte[]>("alerts", new byte[1]).headers());
        assertEquals(1, payments("sink"));
        assertEquals(1, counters.get("sink_bucket_inf_us").getCount());
    }
}
