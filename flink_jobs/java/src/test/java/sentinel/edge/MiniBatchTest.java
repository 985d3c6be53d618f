package sentinel.edge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.mailbox.Mail;
import org.apache.flink.streaming.runtime.tasks.mailbox.TaskMailbox;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

/** A mini-batch holds what came, in order, and waits for nothing when the input is idle. */
class MiniBatchTest {

    private static final long[] ONE_SHARD = {7};
    private static final long NEVER_MS = 3_600_000;
    private static final long LARGE = 1_000;

    /** Whether the input has more; set by a test. */
    private boolean idle = true;

    private final class Factory extends MiniBatch.Factory {

        private Factory(long[] shardKeys, long minMs, long maxMs, long fullBytes) {
            super(shardKeys, minMs, maxMs, fullBytes);
        }

        @Override
        BooleanSupplier idleness(MailboxExecutor mailbox) {
            return () -> idle;
        }
    }

    private OneInputStreamOperatorTestHarness<Row, Row> operator(
            long[] shards, long minMs, long maxMs, long fullBytes) throws Exception {
        OneInputStreamOperatorTestHarness<Row, Row> harness =
                new OneInputStreamOperatorTestHarness<>(new Factory(shards, minMs, maxMs, fullBytes));
        harness.open();
        return harness;
    }

    private static void send(OneInputStreamOperatorTestHarness<Row, Row> harness, String... texts) throws Exception {
        for (String text : texts) {
            harness.processElement(Row.of(7L, text.getBytes(StandardCharsets.UTF_8), 1, Hop.nowUs()), 0);
        }
    }

    /** Runs the mails that are there now, as the task does between two records; not those that they leave. */
    private static void runMails(OneInputStreamOperatorTestHarness<Row, Row> harness) throws Exception {
        List<Mail> mails = new ArrayList<>();
        for (Optional<Mail> mail = nextMail(harness); mail.isPresent(); mail = nextMail(harness)) {
            mails.add(mail.get());
        }
        for (Mail mail : mails) {
            mail.run();
        }
    }

    private static Optional<Mail> nextMail(OneInputStreamOperatorTestHarness<Row, Row> harness) {
        return harness.getTaskMailbox().tryTake(TaskMailbox.MIN_PRIORITY);
    }

    private static List<List<String>> batches(OneInputStreamOperatorTestHarness<Row, Row> harness) {
        List<List<String>> found = new ArrayList<>();
        for (Row row : harness.extractOutputValues()) {
            assertEquals(7L, row.getField(0));
            List<String> texts = new ArrayList<>();
            for (byte[] record : (byte[][]) row.getField(1)) {
                texts.add(new String(record, StandardCharsets.UTF_8));
            }
            found.add(texts);
        }
        return found;
    }

    @Test
    void anIdleInputIsWaitedForNoLonger() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, 0, NEVER_MS, LARGE)) {
            send(harness, "a");
            runMails(harness);
            send(harness, "b");
            runMails(harness);
            assertEquals(List.of(List.of("a"), List.of("b")), batches(harness));
        }
    }

    @Test
    void whileTheInputHasMoreRecordsCollectInTheirOrder() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, 0, NEVER_MS, LARGE)) {
            idle = false;
            for (String text : List.of("a", "b", "c")) {
                send(harness, text);
                runMails(harness);
            }
            assertEquals(List.of(), batches(harness));
            idle = true;
            runMails(harness);
            assertEquals(List.of(List.of("a", "b", "c")), batches(harness));
        }
    }

    @Test
    void aBusyInputIsNotWaitedForLongerThanTheLongestAge() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, 0, 50, LARGE)) {
            idle = false;
            send(harness, "a");
            harness.setProcessingTime(49);
            runMails(harness);
            assertEquals(List.of(), batches(harness));
            harness.setProcessingTime(50);
            runMails(harness);
            assertEquals(List.of(List.of("a")), batches(harness));
        }
    }

    @Test
    void aYoungBatchWaitsForItsLeastAge() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, 20, NEVER_MS, LARGE)) {
            send(harness, "a");
            runMails(harness);
            send(harness, "b");
            runMails(harness);
            harness.setProcessingTime(19);
            assertEquals(List.of(), batches(harness));
            harness.setProcessingTime(20);
            runMails(harness);
            assertEquals(List.of(List.of("a", "b")), batches(harness));
        }
    }

    @Test
    void aFullBatchIsFlushedAtOnce() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, NEVER_MS, NEVER_MS, 3)) {
            send(harness, "a", "b", "c", "d");
            assertEquals(List.of(List.of("a", "b", "c")), batches(harness));
        }
    }

    @Test
    void beforeABarrierAllIsFlushedAndTheStageIsTriggered() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, NEVER_MS, NEVER_MS, LARGE)) {
            send(harness, "a", "b");
            harness.prepareSnapshotPreBarrier(1);
            send(harness, "c");
            assertEquals(List.of(List.of("a", "b"), List.of()), batches(harness));
        }
    }

    @Test
    void aSilentSubtaskIsTriggeredByACheckpointAsWell() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, 0, NEVER_MS, LARGE)) {
            harness.prepareSnapshotPreBarrier(1);
            assertEquals(List.of(List.of()), batches(harness));
        }
    }

    @Test
    void aSubtaskWithoutShardsEmitsNothing() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(new long[0], 0, NEVER_MS, LARGE)) {
            send(harness, "control");
            runMails(harness);
            harness.prepareSnapshotPreBarrier(1);
            assertEquals(List.of(), batches(harness));
        }
    }

    @Test
    void theEndOfTheInputEndsTheBatch() throws Exception {
        try (OneInputStreamOperatorTestHarness<Row, Row> harness = operator(ONE_SHARD, NEVER_MS, NEVER_MS, LARGE)) {
            send(harness, "a");
            harness.endInput();
            assertEquals(List.of(List.of("a")), batches(harness));
        }
    }

    @Test
    void aRecordOfTenMegabytesIsABatch() throws Exception {
        byte[] large = new byte[10 * 1024 * 1024];
        large[large.length - 1] = 42;
        try (OneInputStreamOperatorTestHarness<Row, Row> harness =
                operator(ONE_SHARD, NEVER_MS, NEVER_MS, 512 * 1024)) {
            harness.processElement(new StreamRecord<>(Row.of(7L, large, 1, Hop.nowUs())));
            Row batch = harness.extractOutputValues().get(0);
            assertArrayEquals(large, ((byte[][]) batch.getField(1))[0]);
        }
    }
}
