/**
 * Buffers records and emits them as mini-batches of one shard; see flink_jobs/mini_batch.py.
 *
 * Flink compiles this source on the cluster; its compiler knows no generics. References: the least and the greatest
 * interval of mini-batches (milliseconds), and the buffered bytes of all shards at which it flushes early.
 */
public class MiniBatch extends org.apache.flink.streaming.api.operators.AbstractStreamOperator
        implements org.apache.flink.streaming.api.operators.OneInputStreamOperator,
                org.apache.flink.streaming.api.operators.BoundedOneInput,
                org.apache.flink.api.common.operators.ProcessingTimeService.ProcessingTimeCallback {

    private final long shortest;
    private final long longest;
    private final long full;

    private transient java.util.HashMap shards;
    private transient long buffered;
    private transient long length;
    private transient boolean waiting;

    public MiniBatch(
            Object[] references,
            org.apache.flink.streaming.runtime.tasks.StreamTask task,
            org.apache.flink.streaming.api.graph.StreamConfig config,
            org.apache.flink.streaming.api.operators.Output output,
            org.apache.flink.streaming.runtime.tasks.ProcessingTimeService time)
            throws Exception {
        this.shortest = ((Number) references[0]).longValue();
        this.longest = ((Number) references[1]).longValue();
        this.full = ((Number) references[2]).longValue();
        this.setup(task, config, output);
        this.setProcessingTimeService(time);
    }

    public void open() throws Exception {
        super.open();
        shards = new java.util.HashMap();
        length = shortest;
    }

    public void processElement(org.apache.flink.streaming.runtime.streamrecord.StreamRecord element) throws Exception {
        org.apache.flink.types.Row row = (org.apache.flink.types.Row) element.getValue();
        Object shard = row.getField(0);
        byte[] record = (byte[]) row.getField(1);
        java.util.ArrayList batch = (java.util.ArrayList) shards.get(shard);
        if (batch == null) {
            batch = new java.util.ArrayList();
            shards.put(shard, batch);
        }
        batch.add(record);
        buffered += record.length;
        if (buffered >= full) {
            flush();
        } else if (!waiting) {
            waiting = true;
            getProcessingTimeService().registerTimer(getProcessingTimeService().getCurrentProcessingTime() + length, this);
        }
    }

    public void onProcessingTime(long time) throws Exception {
        waiting = false;
        flush();
    }

    /**
     * Flushes before the barrier, so that the buffer need not be in state; an empty batch then makes the stage write
     * everything that its own state lacks.
     */
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        flush();
        java.util.Iterator keys = shards.keySet().iterator();
        while (keys.hasNext()) {
            emit(keys.next(), new byte[0][]);
        }
    }

    public void endInput() throws Exception {
        flush();
    }

    /** Emits all batches; the next interval is at least the time that they took to process. */
    private void flush() throws Exception {
        if (buffered == 0) {
            return;
        }
        buffered = 0;
        long begun = System.nanoTime();
        java.util.Iterator entries = shards.entrySet().iterator();
        while (entries.hasNext()) {
            java.util.Map.Entry entry = (java.util.Map.Entry) entries.next();
            java.util.ArrayList batch = (java.util.ArrayList) entry.getValue();
            if (batch.isEmpty()) {
                continue;
            }
            byte[][] records = (byte[][]) batch.toArray(new byte[batch.size()][]);
            batch.clear();
            emit(entry.getKey(), records);
        }
        long took = (System.nanoTime() - begun) / 1000000L;
        length = Math.max(shortest, Math.min(longest, took));
    }

    private void emit(Object shard, byte[][] records) throws Exception {
        org.apache.flink.types.Row row = new org.apache.flink.types.Row(2);
        row.setField(0, shard);
        row.setField(1, records);
        output.collect(new org.apache.flink.streaming.runtime.streamrecord.StreamRecord(row));
    }
}
