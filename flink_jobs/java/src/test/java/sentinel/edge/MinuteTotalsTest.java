package sentinel.edge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

/** The minutes of all merchants add up to what the subtasks counted, each once, when it is over. */
class MinuteTotalsTest {

    private static final long MINUTE_MS = 60_000;
    private static final long IDLE_MS = 30_000;
    private static final String[] NAMES = {"transactions", "amount", "alerts"};

    private static OneInputStreamOperatorTestHarness<Row, Row> totals() throws Exception {
        return new OneInputStreamOperatorTestHarness<>(new MinuteTotals.Factory("metrics", NAMES, IDLE_MS));
    }

    private static OneInputStreamOperatorTestHarness<Row, Row> feed() throws Exception {
        return new OneInputStreamOperatorTestHarness<>(
                new MinuteTotalsFeed.Factory(0, 1, new int[] {2, 3, 4}, IDLE_MS));
    }

    private static Row counted(long minute, double transactions, double amount, double alerts) {
        return Row.of(minute * MINUTE_MS, new double[] {transactions, amount, alerts});
    }

    private static List<String> written(OneInputStreamOperatorTestHarness<Row, Row> harness) {
        List<String> found = new ArrayList<>();
        for (Row row : harness.extractOutputValues()) {
            assertEquals("metrics", row.getField(0));
            assertEquals(0, ((byte[]) row.getField(1)).length);
            found.add(new String((byte[]) row.getField(2), StandardCharsets.UTF_8));
        }
        return found;
    }

    private static String minute(String start, String end, int transactions, double amount, int alerts, double rate) {
        return "{\"window_start\":\"" + start + "\",\"window_end\":\"" + end + "\",\"merchant_id\":null,"
                + "\"transactions\":" + transactions + ",\"amount\":" + amount + ",\"alerts\":" + alerts
                + ",\"alert_rate\":" + rate + "}";
    }

    private static final String SECOND =
            minute("1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z", 4, 30.5, 1, 0.25);

    @Test
    void aMinuteIsWrittenOnceWhenItIsOver() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = totals()) {
            harness.open();
            harness.processElement(counted(1, 1, 10, 0), 0);
            harness.processElement(counted(1, 3, 20.5, 1), 0);
            harness.processElement(counted(2, 1, 1, 0), 0);
            harness.processWatermark(2 * MINUTE_MS - 1);
            assertEquals(List.of(), written(harness));
            harness.processWatermark(2 * MINUTE_MS);
            harness.processWatermark(2 * MINUTE_MS + 1);
            assertEquals(List.of(SECOND), written(harness));
        }
    }

    @Test
    void openMinutesOutliveARestartAndClosedOnesStayClosed() throws Exception {
        OperatorSubtaskState snapshot;
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = totals()) {
            harness.open();
            harness.processElement(counted(0, 1, 1, 0), 0);
            harness.processElement(counted(1, 1, 10, 0), 0);
            harness.processWatermark(MINUTE_MS);
            assertEquals(1, written(harness).size());
            snapshot = harness.snapshot(1, 1);
        }
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = totals()) {
            harness.initializeState(snapshot);
            harness.open();
            harness.processElement(counted(0, 3, 20.5, 1), 0);
            harness.processWatermark(2 * MINUTE_MS);
            assertEquals(List.of(SECOND), written(harness), "late totals count in the earliest minute that is open");
        }
    }

    @Test
    void anIdleStreamClosesItsMinutesByTheWallClock() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = totals()) {
            harness.open();
            harness.setProcessingTime(2 * MINUTE_MS);
            harness.processElement(counted(1, 4, 30.5, 1), 0);
            harness.setProcessingTime(2 * MINUTE_MS + IDLE_MS - 1);
            assertEquals(List.of(), written(harness));
            harness.setProcessingTime(2 * MINUTE_MS + IDLE_MS);
            assertEquals(List.of(SECOND), written(harness));
        }
    }

    private static Row stageRow(long watermark, Long... minutes) {
        Object[] ones = new Object[minutes.length];
        java.util.Arrays.fill(ones, 1.0);
        return Row.of(watermark, minutes, ones, ones, ones);
    }

    @Test
    void theWatermarkOfABatchFollowsAllItsRows() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = feed()) {
            harness.open();
            harness.processElement(stageRow(200_000, 60_000L, 120_000L), 0);
            Object[] output = harness.getOutput().toArray();
            assertEquals(3, output.length);
            assertEquals(60_000L, ((StreamRecord<Row>) output[0]).getValue().getField(0));
            assertEquals(new Watermark(200_000), output[2]);
        }
    }

    @Test
    void theWatermarkNeverGoesBackAndABatchWithoutPaymentsMovesNothing() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = feed()) {
            harness.open();
            harness.processElement(stageRow(200_000, 60_000L), 0);
            harness.processElement(stageRow(100_000, 60_000L), 0);
            harness.processElement(stageRow(300_000), 0);
            long watermarks = harness.getOutput().stream().filter(one -> one instanceof Watermark).count();
            assertEquals(1, watermarks);
        }
    }

    @Test
    void aSilentSubtaskIsIdleUntilItSpeaksAgain() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = feed()) {
            harness.open();
            harness.processElement(stageRow(200_000, 60_000L), 0);
            harness.setProcessingTime(IDLE_MS);
            assertTrue(harness.getOutput().contains(WatermarkStatus.IDLE));
            harness.processElement(stageRow(300_000, 240_000L), 0);
            assertTrue(harness.getOutput().contains(WatermarkStatus.ACTIVE));
        }
    }
}
