package sentinel.edge;

import java.util.Arrays;
import java.util.function.LongSupplier;
import org.apache.flink.metrics.MetricGroup;

/**
 * Where the time of payments goes in the task of a stage: each payment's time, from leaving the operator before to leaving
 * this task, is divided among the hops without gap or overlap.
 *
 * <ul>
 *   <li>exchange: from leaving the operator before until it is read, without the next two
 *   <li>behind: meanwhile the stage was at work on earlier batches
 *   <li>checkpoint: meanwhile the task stood still for a checkpoint
 *   <li>buffer: in the buffer of the mini-batch
 *   <li>stage: from the flush of its batch until the stage's output is taken
 * </ul>
 *
 * <p>stand_still is not of payments: it counts the time of each checkpoint in which the task did nothing else, from the
 * flush before its barrier until the task can read again.
 *
 * <p>The operators of a task share one instance through its thread: MiniBatch opens it, Explode and the sink find it.
 */
final class PaymentTimes {

    private static final ThreadLocal<PaymentTimes> OF_TASK = new ThreadLocal<>();
    /** Batches that a waiting record may have been behind; more are only possible in a backlog. */
    private static final int REMEMBERED = 8;

    private final LongSupplier nowUs;
    private final Hop exchange;
    private final Hop behind;
    private final Hop checkpoint;
    private final Hop buffer;
    private final Hop stage;
    private final Hop standStill;

    private final long[] begunUs = new long[REMEMBERED];
    private final long[] endedUs = new long[REMEMBERED];
    private final boolean[] stoodStill = new boolean[REMEMBERED];
    private int newest;

    private long[] arrivedUs = new long[64];
    private int[] arrivedPayments = new int[64];
    private int arrived;
    private long flushedUs;
    private long emittedUs;

    PaymentTimes(MetricGroup group, LongSupplier nowUs) {
        this.nowUs = nowUs;
        exchange = new Hop(group, "exchange");
        behind = new Hop(group, "behind");
        checkpoint = new Hop(group, "checkpoint");
        buffer = new Hop(group, "buffer");
        stage = new Hop(group, "stage");
        standStill = new Hop(group, "stand_still");
    }

    /** Makes this instance that of the calling thread's task. */
    void open() {
        OF_TASK.set(this);
    }

    /** The instance of the calling thread's task; null if it has none. */
    static PaymentTimes ofTask() {
        return OF_TASK.get();
    }

    /** Forgets the instance of the calling thread's task. */
    static void close() {
        OF_TASK.remove();
    }

    /** A record or message with payments was read. */
    void arrived(long leftUs, int payments) {
        if (payments == 0) {
            return;
        }
        long now = nowUs.getAsLong();
        long blocked = 0;
        int place = newest;
        for (int seen = 0; seen < REMEMBERED && endedUs[place] > leftUs; seen++) {
            long overlap = Math.min(endedUs[place], now) - Math.max(begunUs[place], leftUs);
            if (overlap > 0) {
                (stoodStill[place] ? checkpoint : behind).took(overlap, payments);
                blocked += overlap;
            }
            place = (place + REMEMBERED - 1) % REMEMBERED;
        }
        exchange.took(now - leftUs - blocked, payments);
        if (arrived == arrivedUs.length) {
            arrivedUs = Arrays.copyOf(arrivedUs, 2 * arrived);
            arrivedPayments = Arrays.copyOf(arrivedPayments, 2 * arrived);
        }
        arrivedUs[arrived] = now;
        arrivedPayments[arrived++] = payments;
    }

    /** The batch is handed to the stage. */
    void flushed() {
        flushedUs = nowUs.getAsLong();
        emittedUs = flushedUs;
        for (int place = 0; place < arrived; place++) {
            buffer.took(flushedUs - arrivedUs[place], arrivedPayments[place]);
        }
        arrived = 0;
    }

    /** Output of the stage was taken: payments leave the task. Returns when, epoch microseconds. */
    long emitted(int payments) {
        emittedUs = nowUs.getAsLong();
        if (payments > 0) {
            stage.took(emittedUs - flushedUs, payments);
        }
        return emittedUs;
    }

    /** When the output that is being sent was taken, epoch microseconds. */
    long emittedUs() {
        return emittedUs;
    }

    /** The stage has finished the batch that was flushed last. */
    void finished() {
        remember(flushedUs, nowUs.getAsLong(), false);
    }

    /** A checkpoint begins; returns when, epoch microseconds. */
    long standStillBegan() {
        return nowUs.getAsLong();
    }

    /** The task goes on after the checkpoint that began then. */
    void standStillEnded(long beganUs) {
        long now = nowUs.getAsLong();
        remember(beganUs, now, true);
        standStill.took(now - beganUs, 1);
    }

    private void remember(long begun, long ended, boolean still) {
        newest = (newest + 1) % REMEMBERED;
        begunUs[newest] = begun;
        endedUs[newest] = ended;
        stoodStill[newest] = still;
    }
}
