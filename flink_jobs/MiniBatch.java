/**
 * Gathers records into short batches, one stream of batches for each shard; flink_jobs/mini_batch.py says why.
 *
 * Flink compiles this text on the cluster, as it does with the operators that SQL makes; its compiler knows no generics.
 * It is given how long a batch gathers at least and at most, milliseconds, and the bytes of all
 * shards together at which it is full.
 */
public class MiniBatch extends org.apache.flink.streaming.api.operators.AbstractStreamOperator
        implements org.apache.flink.streaming.api.operators.OneInputStreamOperator,
                org.apache.flink.streaming.api.operators.BoundedOneInput,
                org.apache.flink.api.common.operators.ProcessingTimeService.ProcessingTimeCallback {

    private final long shortest;
    private final long longest;
    private final long full;

    private transient java.util.HashMap shards;
    private transient long gathered;
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
        gathered += record.length;
        if (gathered >= full) {
            hand();
        } else if (!waiting) {
            waiting = true;
            getProcessingTimeService().registerTimer(getProcessingTimeService().getCurrentProcessingTime() + length, this);
        }
    }

    public void onProcessingTime(long time) throws Exception {
        waiting = false;
        hand();
    }

    /**
     * Whatever is gathered is processed before a checkpoint, so that there is nothing to be kept in state; and an empty
     * batch tells the stage to write what its own state lacks.
     */
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        hand();
        java.util.Iterator keys = shards.keySet().iterator();
        while (keys.hasNext()) {
            give(keys.next(), new byte[0][]);
        }
    }

    public void endInput() throws Exception {
        hand();
    }

    /** The next batch gathers for as long as this one takes to process: the less there is to spare, the longer it is. */
    private void hand() throws Exception {
        if (gathered == 0) {
            return;
        }
        gathered = 0;
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
            give(entry.getKey(), records);
        }
        long took = (System.nanoTime() - begun) / 1000000L;
        length = Math.max(shortest, Math.min(longest, took));
    }

    private void give(Object shard, byte[][] records) throws Exception {
        org.apache.flink.types.Row row = new org.apache.flink.types.Row(2);
        row.setField(0, shard);
        row.setField(1, records);
        output.collect(new org.apache.flink.streaming.runtime.streamrecord.StreamRecord(row));
    }
}
