package sentinel.edge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.Header;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

/** Kafka records come into the job and go out of it byte for byte. */
class SchemasTest {

    private static final long[] SHARD_KEYS = {11, 22, 33, 44};
    private static final int LARGE = 1 << 20;

    private static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static Row read(long[] shardKeys, String topic, int partition, long offset, byte[] key, byte[] value) {
        EnvelopeDeserializer schema =
                new EnvelopeDeserializer(new String[] {"payments", "truth"}, new String[] {"t", "l"}, shardKeys, "t");
        List<Row> rows = new ArrayList<>();
        schema.deserialize(new ConsumerRecord<>(topic, partition, offset, key, value), new ListCollector<>(rows));
        assertEquals(1, rows.size());
        return rows.get(0);
    }

    @Test
    void anEnvelopeHoldsKindPositionKeyAndValue() {
        ByteBuffer envelope =
                ByteBuffer.wrap((byte[]) read(SHARD_KEYS, "truth", 3, 1L << 40, bytes("alice"), bytes("{}")).getField(1));
        assertEquals('l', envelope.get());
        assertEquals(3, envelope.get());
        assertEquals(3, envelope.getInt());
        assertEquals(1L << 40, envelope.getLong());
        assertEquals(5, envelope.getInt());
        byte[] rest = new byte[envelope.remaining()];
        envelope.get(rest);
        assertArrayEquals(bytes("alice{}"), rest);
    }

    @Test
    void aMissingKeyOrValueIsNotAnEmptyOne() {
        assertEquals(0, ((byte[]) read(SHARD_KEYS, "truth", 0, 0, null, null).getField(1))[1]);
        assertEquals(3, ((byte[]) read(SHARD_KEYS, "truth", 0, 0, bytes(""), bytes("")).getField(1))[1]);
        assertEquals(2, ((byte[]) read(SHARD_KEYS, "truth", 0, 0, null, bytes("")).getField(1))[1]);
    }

    @Test
    void theShardOfAUserIsThatOfPython() {
        // zlib.crc32(name) % 4, as tests/pipeline/test_stage_messages.py has it
        long[] expected = {33, 11, 33, 22};
        String[] names = {"shop", "game", "bank", "café"};
        for (int place = 0; place < names.length; place++) {
            assertEquals(expected[place], read(SHARD_KEYS, "payments", 0, 0, bytes(names[place]), null).getField(0));
        }
    }

    @Test
    void aUserHasOneShardInWhateverFormTheKeyIsWritten() throws IOException {
        int read = 0;
        for (String line : Files.readAllLines(Path.of("../../tests/contract/record_keys.txt"))) {
            if (line.startsWith("#")) {
                continue;
            }
            String[] parts = line.split(" ");
            byte[] key = HexFormat.of().parseHex(parts[0]);
            long expected = SHARD_KEYS[Integer.parseInt(parts[1])];
            assertEquals(expected, read(SHARD_KEYS, "payments", 0, 0, key, null).getField(0), line);
            read++;
        }
        assertTrue(read > 10);
    }

    @Test
    void theEnvelopeKeepsTheKeyAsItCame() {
        byte[] key = bytes("Ju\u0308rgen");
        ByteBuffer envelope = ByteBuffer.wrap((byte[]) read(SHARD_KEYS, "truth", 0, 0, key, null).getField(1));
        assertEquals(key.length, envelope.getInt(14));
    }

    @Test
    void aKeyOfAMegabyteOfMarksHoldsNothingUp() {
        byte[] key = bytes("a" + "\u0301".repeat(250_000) + "\u0323".repeat(250_000));
        assertSame(key, EnvelopeDeserializer.normal(key));
    }

    @Test
    void usersSpreadOverAllShards() {
        Set<Object> keys = new HashSet<>();
        for (int user = 0; user < 100; user++) {
            keys.add(read(SHARD_KEYS, "payments", 0, 0, bytes("user-" + user), null).getField(0));
        }
        assertEquals(Set.of(11L, 22L, 33L, 44L), keys);
        assertEquals(5L, read(new long[] {5}, "payments", 0, 0, null, null).getField(0));
    }

    private static List<Row> readEntry(String key) {
        ListDeserializer schema = new ListDeserializer("i", new String[] {"card", "country"}, SHARD_KEYS);
        List<Row> rows = new ArrayList<>();
        schema.deserialize(new ConsumerRecord<>("lists", 2, 7, bytes(key), bytes("{}")), new ListCollector<>(rows));
        return rows;
    }

    @Test
    void theEntryOfAListGoesToTheShardOfItsEntity() {
        assertEquals(33L, readEntry("user/block/shop").get(0).getField(0));
        assertEquals(22L, readEntry("user/vip/café").get(0).getField(0));
        assertEquals(read(SHARD_KEYS, "payments", 0, 0, bytes("a/b/c"), null).getField(0),
                readEntry("merchant/block/a/b/c").get(0).getField(0));
        assertEquals(1, readEntry("user/block/shop").size());
        assertEquals('i', ((byte[]) readEntry("user/block/shop").get(0).getField(1))[0]);
    }

    @Test
    void anEntryOfASharedEntityGoesToEveryShard() {
        List<Row> rows = readEntry("card/block/4711");
        assertEquals(SHARD_KEYS.length, rows.size());
        for (int shard = 0; shard < SHARD_KEYS.length; shard++) {
            assertEquals(SHARD_KEYS[shard], rows.get(shard).getField(0));
        }
    }

    @Test
    void aKeyOfAnotherFormGoesToOneShard() {
        for (String key : new String[] {null, "", "/", "user", "user/", "user/block", "user/block/", "cards/x/y"}) {
            assertEquals(1, readEntry(key).size());
        }
    }

    @Test
    void aRecordGoesOutWithKeyValueAndTheHeadersThatItHas() {
        RecordSerializer schema = new RecordSerializer(new String[] {"reason", "detail"}, LARGE, "");
        Row row = Row.of("dead-letters", bytes("alice"), bytes("{"), bytes("not_json"), null);
        ProducerRecord<byte[], byte[]> record = schema.serialize(row, null, null);
        assertEquals("dead-letters", record.topic());
        assertArrayEquals(bytes("alice"), record.key());
        assertArrayEquals(bytes("{"), record.value());
        assertNull(record.timestamp());
        assertEquals(1, record.headers().toArray().length);
        assertArrayEquals(bytes("not_json"), record.headers().lastHeader("reason").value());
    }

    @Test
    void aRowWithoutHeaderFieldsHasNoHeaders() {
        RecordSerializer schema = new RecordSerializer(new String[] {"reason"}, LARGE, "");
        ProducerRecord<byte[], byte[]> record = schema.serialize(Row.of("alerts", null, bytes("{}")), null, null);
        assertNull(record.key());
        assertEquals(0, record.headers().toArray().length);
    }

    private static int sizeOf(ProducerRecord<byte[], byte[]> record) {
        int size = record.key().length + record.value().length;
        for (Header header : record.headers()) {
            size += header.key().length() + header.value().length;
        }
        return size;
    }

    @Test
    void aRecordThatIsTooLargeIsCutToWhatFitsAndSaysSo() {
        RecordSerializer schema = new RecordSerializer(new String[] {"reason"}, 10_000, "");
        for (int[] lengths : new int[][] {{5, 20_000}, {20_000, 5}, {20_000, 20_000}, {9_000, 9_000}}) {
            byte[] key = new byte[lengths[0]];
            byte[] value = new byte[lengths[1]];
            Row row = Row.of("dead-letters", key, value, bytes("oversized"));
            ProducerRecord<byte[], byte[]> record = schema.serialize(row, null, null);
            assertTrue(sizeOf(record) <= 10_000 - 100, "the protocol needs some bytes more");
            assertArrayEquals(
                    bytes("" + lengths[1]), record.headers().lastHeader(RecordSerializer.TRUNCATED).value());
            assertArrayEquals(bytes("oversized"), record.headers().lastHeader("reason").value());
        }
        Row small = Row.of("dead-letters", new byte[5], new byte[5], bytes("oversized"));
        assertNull(schema.serialize(small, null, null).headers().lastHeader(RecordSerializer.TRUNCATED));
    }

    @Test
    void aStageRowIsExplodedGroupByGroup() {
        Explode function = new Explode(
                new int[][] {{0, 1}, {2, 3, 4}}, new String[] {"decisions", "dead-letters"}, 5, "decisions");
        Row row = Row.of(
                new Object[] {bytes("k1"), bytes("k2")},
                new Object[] {bytes("v1"), bytes("v2")},
                new Object[] {bytes("k3")},
                new Object[] {bytes("v3")},
                new Object[] {bytes("why")});
        List<Row> rows = new ArrayList<>();
        function.flatMap(row, new ListCollector<>(rows));
        assertEquals(3, rows.size());
        assertEquals(Row.of("decisions", bytes("k2"), bytes("v2"), null, null), rows.get(1));
        assertEquals(Row.of("dead-letters", bytes("k3"), bytes("v3"), bytes("why"), null), rows.get(2));
    }

    @Test
    void messagesAreExplodedWithTheirNumbersOfPaymentsAndTheTimeTheyLeave() {
        List<Row> rows = new ArrayList<>();
        Row row = Row.of(new Object[] {7L, 9L}, new Object[] {bytes("m1"), bytes("m2")}, new Object[] {3L, 0L});
        long before = Hop.nowUs();
        new ExplodeMessages(0, 1, 2).flatMap(row, new ListCollector<>(rows));
        assertEquals(2, rows.size());
        Row second = rows.get(1);
        assertEquals(Row.of(9L, bytes("m2"), 0), Row.of(second.getField(0), second.getField(1), second.getField(2)));
        assertTrue(before <= (Long) second.getField(3) && (Long) second.getField(3) <= Hop.nowUs());
    }

    @Test
    void onlyATransactionIsAPayment() {
        assertEquals(1, read(SHARD_KEYS, "payments", 0, 0, bytes("alice"), bytes("{}")).getField(2));
        assertEquals(0, read(SHARD_KEYS, "truth", 0, 0, bytes("alice"), bytes("{}")).getField(2));
    }

    @Test
    void emptyArraysMakeNoRows() {
        List<Row> rows = new ArrayList<>();
        Row row = Row.of(new Object[0], new Object[0]);
        new Explode(new int[][] {{0, 1}}, new String[] {"alerts"}, 3, "").flatMap(row, new ListCollector<>(rows));
        new ExplodeMessages(0, 1, 1).flatMap(row, new ListCollector<>(rows));
        assertEquals(List.of(), rows);
    }
}
