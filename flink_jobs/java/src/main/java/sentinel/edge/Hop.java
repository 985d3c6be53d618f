package sentinel.edge;

import java.time.Instant;
import java.util.Arrays;
import java.util.function.Supplier;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.SimpleCounter;

/**
 * How long payments took for one hop on their way: a counter of microseconds, NAME_us, and a counter of payments for each
 * bucket of a histogram, NAME_bucket_BOUND_us, where BOUND is the longest time of the bucket.
 *
 * <p>Counters, since they add up over subtasks and over time, and the difference of two readings is the histogram of what
 * happened in between. deploy/clients/hop_times.py reads them.
 */
final class Hop {

    /** Upper bounds of the buckets, microseconds, ascending. */
    static final long[] BOUNDS_US = {
        200, 500, 1_000, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000, 100_000, 150_000,
        200_000, 300_000, 500_000, 1_000_000
    };

    private final Counter sum;
    private final Counter[] buckets = new Counter[BOUNDS_US.length + 1];

    /** Counters that one thread increments. */
    Hop(MetricGroup group, String name) {
        this(group, name, SimpleCounter::new);
    }

    Hop(MetricGroup group, String name, Supplier<Counter> counter) {
        sum = group.counter(name + "_us", counter.get());
        for (int place = 0; place < buckets.length; place++) {
            String bound = place < BOUNDS_US.length ? Long.toString(BOUNDS_US[place]) : "inf";
            buckets[place] = group.counter(name + "_bucket_" + bound + "_us", counter.get());
        }
    }

    /**
     * Counts payments that took equally long.
     *
     * @param us microseconds; clocks of machines differ, so less than nothing counts as nothing
     * @param payments number of payments
     */
    void took(long us, int payments) {
        long known = Math.max(0, us);
        sum.inc(known * payments);
        int place = Arrays.binarySearch(BOUNDS_US, known);
        buckets[place < 0 ? -place - 1 : place].inc(payments);
    }

    /** The wall clock, epoch microseconds: comparable between processes, as far as their clocks are. */
    static long nowUs() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1_000;
    }
}
