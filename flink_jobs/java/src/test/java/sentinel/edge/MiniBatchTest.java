package sentinel.edge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.io.network.api.CheckpointBarrier;
import org.apache.flink.runtime.io.network.api.EndOfData;
import org.apache.flink.runtime.io.network.api.StopMode;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.OneInputStreamTask;
import org.apache.flink.streaming.runtime.tasks.StreamTaskMailboxTestHarness;
import org.apache.flink.streaming.runtime.tasks.StreamTaskMailboxTestHarnessBuilder;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A mini-batch holds what came, in order, and waits for nothing when the input is idle. */
@Timeout(60)
class MiniBatchTest {

    private static final TypeInformation<Row> RECORD =
            Types.ROW(Types.LONG, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
    private static final TypeInformation<Row> BATCH =
            Types.ROW(Types.LONG, Types.OBJECT_ARRAY(PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    private static final long[] ONE_SHARD = {7};
    private static final long NEVER_MS = 3_600_000;

    private static StreamTaskMailboxTestHarness<Row> task(long[] shards, long minMs, long maxMs, long fullBytes)
            throws Exception {
        return new StreamTaskMailboxTestHarnessBuilder<>(OneInputStreamTask::new, BATCH)
                .addInput(RECORD)
                .setupOutputForSingletonOperatorChain(new MiniBatch.Factory(shards, minMs, maxMs, fullBytes))
                .build();
    }

    private static StreamRecord<Row> record(String text) {
        return new StreamRecord<>(Row.of(7L, text.getBytes(StandardCharsets.UTF_8)));
    }

    private static CheckpointBarrier barrier() {
        CheckpointOptions options = CheckpointOptions.forCheckpointWithDefaultLocation();
        assertEquals(CheckpointType.CHECKPOINT, options.getCheckpointType());
        assertEquals(CheckpointStorageLocationReference.getDefault(), options.getTargetLocation());
        return new CheckpointBarrier(1, 1, options);
    }

    /** The batches so far; the barrier stands as a batch "|". */
    private static List<List<String>> batches(StreamTaskMailboxTestHarness<Row> task) {
        List<List<String>> found = new ArrayList<>();
        for (Object element : task.getOutput()) {
            if (element instanceof CheckpointBarrier) {
                found.add(List.of("|"));
            } else if (element instanceof StreamRecord) {
                Row row = ((StreamRecord<Row>) element).getValue();
                assertEquals(7L, row.getField(0));
                List<String> texts = new ArrayList<>();
                for (byte[] record : (byte[][]) row.getField(1)) {
                    texts.add(new String(record, StandardCharsets.UTF_8));
                }
                found.add(texts);
            }
        }
        return found;
    }

    @Test
    void anIdleInputIsWaitedForNoLonger() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, 0, NEVER_MS, 1_000)) {
            task.processElement(record("a"));
            assertEquals(List.of(List.of("a")), batches(task));
            task.processElement(record("b"));
            assertEquals(List.of(List.of("a"), List.of("b")), batches(task));
        }
    }

    @Test
    void recordsThatAreThereTogetherMakeOneBatchInTheirOrder() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, 0, NEVER_MS, 1_000)) {
            task.setAutoProcess(false);
            for (String text : List.of("a", "b", "c")) {
                task.processElement(record(text));
            }
            task.processAll();
            assertEquals(List.of(List.of("a", "b", "c")), batches(task));
        }
    }

    @Test
    void aFullBatchIsNotWaitedWith() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, NEVER_MS, NEVER_MS, 3)) {
            for (String text : List.of("a", "b", "c", "d")) {
                task.processElement(record(text));
            }
            assertEquals(List.of(List.of("a", "b", "c")), batches(task));
        }
    }

    @Test
    void anOldBatchIsFlushedThoughTheInputHasMore() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, 0, 0, 1_000)) {
            task.setAutoProcess(false);
            for (String text : List.of("a", "b")) {
                task.processElement(record(text));
            }
            task.processAll();
            List<String> all = new ArrayList<>();
            batches(task).forEach(all::addAll);
            assertEquals(List.of("a", "b"), all);
        }
    }

    @Test
    void aYoungBatchWaitsForItsLeastAge() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, 20, NEVER_MS, 1_000)) {
            task.processElement(record("a"));
            assertEquals(List.of(), batches(task));
            for (int tries = 0; tries < 1_000 && batches(task).isEmpty(); tries++) {
                Thread.sleep(5);
                task.processAll();
            }
            assertEquals(List.of(List.of("a")), batches(task));
        }
    }

    @Test
    void beforeABarrierAllIsFlushedAndTheStageIsNotified() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, NEVER_MS, NEVER_MS, 1_000)) {
            task.processElement(record("a"));
            task.processElement(record("b"));
            task.processEvent(barrier());
            assertEquals(List.of(List.of("a", "b"), List.of(), List.of("|")), batches(task));
            task.processElement(record("c"));
            assertEquals(3, batches(task).size(), "what came behind the barrier is not in the checkpoint");
        }
    }

    @Test
    void aSilentSubtaskIsNotifiedOfACheckpointAsWell() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, 0, NEVER_MS, 1_000)) {
            task.processEvent(barrier());
            assertEquals(List.of(List.of(), List.of("|")), batches(task));
        }
    }

    @Test
    void aSubtaskWithoutShardsEmitsNothing() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(new long[0], 0, NEVER_MS, 1_000)) {
            task.processElement(record("control"));
            task.processEvent(barrier());
            assertEquals(List.of(List.of("|")), batches(task));
        }
    }

    @Test
    void theEndOfTheInputEndsTheBatch() throws Exception {
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, NEVER_MS, NEVER_MS, 1_000)) {
            task.processElement(record("a"));
            task.processEvent(new EndOfData(StopMode.DRAIN));
            assertEquals(List.of(List.of("a")), batches(task));
        }
    }

    @Test
    void aRecordOfTenMegabytesIsABatch() throws Exception {
        byte[] large = new byte[10 * 1024 * 1024];
        large[large.length - 1] = 42;
        try (StreamTaskMailboxTestHarness<Row> task = task(ONE_SHARD, NEVER_MS, NEVER_MS, 512 * 1024)) {
            task.processElement(new StreamRecord<>(Row.of(7L, large)));
            StreamRecord<Row> batch = (StreamRecord<Row>) task.getOutput().poll();
            assertArrayEquals(large, ((byte[][]) batch.getValue().getField(1))[0]);
            assertTrue(task.getOutput().isEmpty());
        }
    }
}
