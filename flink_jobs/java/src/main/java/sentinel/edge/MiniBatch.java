package sentinel.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.mailbox.MailboxExecutorImpl;
import org.apache.flink.types.Row;

/**
 * Collects the records of a subtask into batches for Python; flink_jobs/mini_batch.py describes the policy.
 *
 * <p>Input: rows of (shard key, record, payments, left), as PaymentTimes counts them. Output: rows of (key, records), where the key is one of the subtask's own, so
 * that the keyed operator behind runs with a key context that it may switch. A row without records precedes each
 * checkpoint barrier.
 *
 * <p>A batch is flushed when the input is idle and the batch is at least minMs old, when it is maxMs old, when it holds
 * fullBytes, and before a barrier. Idle means: the mailbox has no mail, and its default action, reading the input, is
 * suspended. That sees bytes of a record that is partly read, which the availability of the input gate does not.
 */
public final class MiniBatch extends AbstractStreamOperator<Row>
        implements OneInputStreamOperator<Row, Row>, BoundedOneInput {

    private static final long serialVersionUID = 1L;
    private static final byte[][] CHECKPOINT = new byte[0][];

    private final transient MailboxExecutor mailbox;
    private final transient BooleanSupplier inputIsIdle;
    private final long[] shardKeys;
    private final long minMs;
    private final long maxMs;
    private final long fullBytes;

    private transient PaymentTimes times;
    private transient List<byte[]> records;
    private transient long bytes;
    private transient long begunMs;
    private transient boolean looking;
    private transient Long key;

    MiniBatch(
            StreamOperatorParameters<Row> parameters,
            BooleanSupplier inputIsIdle,
            long[] shardKeys,
            long minMs,
            long maxMs,
            long fullBytes) {
        super(parameters);
        this.mailbox = parameters.getMailboxExecutor();
        this.inputIsIdle = inputIsIdle;
        this.shardKeys = shardKeys;
        this.minMs = minMs;
        this.maxMs = maxMs;
        this.fullBytes = fullBytes;
    }

    @Override
    public void open() throws Exception {
        super.open();
        times = new PaymentTimes(getMetricGroup(), Hop::nowUs);
        times.open();
        records = new ArrayList<>();
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        int parallelism = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        int maxParallelism = getRuntimeContext().getTaskInfo().getMaxNumberOfParallelSubtasks();
        for (long candidate : shardKeys) {
            Row row = Row.of(candidate);
            if (KeyGroupRangeAssignment.assignKeyToParallelOperator(row, maxParallelism, parallelism) == subtask) {
                key = candidate;
                return;
            }
        }
        // More subtasks than shards: nothing ever arrives here except control records, which no shard needs.
    }

    @Override
    public void processElement(StreamRecord<Row> element) throws Exception {
        Row row = element.getValue();
        byte[] record = (byte[]) row.getField(1);
        times.arrived((Long) row.getField(3), (Integer) row.getField(2));
        if (records.isEmpty()) {
            begunMs = now();
        }
        records.add(record);
        bytes += record.length;
        if (bytes >= fullBytes) {
            flush();
        } else if (!looking) {
            lookAgain();
        }
    }

    private void lookAgain() {
        looking = true;
        mailbox.execute(this::look, "flush the mini-batch if the input is idle");
    }

    private void look() throws Exception {
        looking = false;
        if (records.isEmpty()) {
            return;
        }
        long age = now() - begunMs;
        if (age >= maxMs) {
            flush();
        } else if (!inputIsIdle.getAsBoolean()) {
            lookAgain();
        } else if (age >= minMs) {
            flush();
        } else {
            looking = true;
            getProcessingTimeService().registerTimer(begunMs + minMs, time -> look());
        }
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
        flush();
        long beganUs = times.standStillBegan();
        emit(CHECKPOINT);
        // The mail runs when the task is free again: the snapshot follows in this turn of the mailbox.
        mailbox.execute(() -> times.standStillEnded(beganUs), "the checkpoint's stand-still is over");
    }

    @Override
    public void close() throws Exception {
        PaymentTimes.close();
        super.close();
    }

    @Override
    public void endInput() throws Exception {
        flush();
    }

    private void flush() {
        if (records.isEmpty()) {
            return;
        }
        byte[][] batch = records.toArray(new byte[0][]);
        records.clear();
        bytes = 0;
        times.flushed();
        emit(batch);
        times.finished();
    }

    private void emit(byte[][] batch) {
        if (key != null) {
            output.collect(new StreamRecord<>(Row.of(key, batch)));
        }
    }

    private long now() {
        return getProcessingTimeService().getCurrentProcessingTime();
    }

    /** Makes the operator. */
    public static class Factory extends AbstractStreamOperatorFactory<Row>
            implements OneInputStreamOperatorFactory<Row, Row> {

        private static final long serialVersionUID = 1L;

        private final long[] shardKeys;
        private final long minMs;
        private final long maxMs;
        private final long fullBytes;

        /**
         * @param shardKeys Flink key of each shard of the stage
         * @param minMs age (ms) at which a batch is flushed when the input is idle
         * @param maxMs age (ms) at which a batch is flushed in any case
         * @param fullBytes bytes at which a batch is flushed in any case
         */
        public Factory(long[] shardKeys, long minMs, long maxMs, long fullBytes) {
            this.shardKeys = shardKeys;
            this.minMs = minMs;
            this.maxMs = maxMs;
            this.fullBytes = fullBytes;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <T extends StreamOperator<Row>> T createStreamOperator(StreamOperatorParameters<Row> parameters) {
            BooleanSupplier inputIsIdle = idleness(parameters.getMailboxExecutor());
            return (T) new MiniBatch(parameters, inputIsIdle, shardKeys, minMs, maxMs, fullBytes);
        }

        /** Whether the task has nothing to read; a test decides it by hand. */
        BooleanSupplier idleness(MailboxExecutor mailbox) {
            return ((MailboxExecutorImpl) mailbox)::isIdle;
        }

        @Override
        @SuppressWarnings("rawtypes")
        public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader classLoader) {
            return MiniBatch.class;
        }
    }
}
