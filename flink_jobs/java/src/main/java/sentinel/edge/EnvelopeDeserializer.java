package sentinel.edge;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Turns a Kafka record into a row of (shard key, envelope, payments, left): payments is 1 for a payment and 0 for
 * others, left the time at which the source emits it, epoch microseconds.
 *
 * <p>The shard of a record is the CRC-32 of its key in Unicode NFC modulo the number of shards, so that a user has one
 * shard in whatever form producers write the id; a record without a key belongs to the shard of the empty key. The envelope is big-endian: kind (1 byte), flags (1: has a key, 2: has a value), partition (4),
 * offset (8), length of the key (4), key, value. udfs/stages/envelope.py decodes it.
 */
public final class EnvelopeDeserializer implements KafkaRecordDeserializationSchema<Row>, Serializable {

    private static final long serialVersionUID = 1L;
    private static final int HEADER_BYTES = 18;
    static final byte[] NOTHING = new byte[0];
    static final TypeInformation<Row> ROW =
            Types.ROW(Types.LONG, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO, Types.INT, Types.LONG);

    /** Longer keys are no ids, and marks in the wrong order take a time that grows with the square of their number. */
    private static final int LONGEST_WRITTEN_BYTES = 4096;

    private final Map<String, Byte> kinds = new HashMap<>();
    private final long[] shardKeys;
    private final byte paymentKind;
    private transient Hop fetch;

    /**
     * @param topics names of topics
     * @param kinds kind of the records of each topic: one ASCII letter each
     * @param shardKeys Flink key of each shard; a single one for records that go to all shards
     * @param paymentKind kind of the records that are payments
     */
    public EnvelopeDeserializer(String[] topics, String[] kinds, long[] shardKeys, String paymentKind) {
        for (int place = 0; place < topics.length; place++) {
            this.kinds.put(topics[place], (byte) kinds[place].charAt(0));
        }
        this.shardKeys = shardKeys;
        this.paymentKind = (byte) paymentKind.charAt(0);
    }

    /** Declares the hop "fetch": from the timestamp of a payment, its append or its creation, until it is emitted. */
    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        fetch = new Hop(context.getMetricGroup(), "fetch");
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Row> out) {
        byte[] key = record.key() == null ? NOTHING : record.key();
        byte kind = kinds.get(record.topic());
        byte[] envelope = envelope(kind, record);
        long nowUs = Hop.nowUs();
        int payments = kind == paymentKind ? 1 : 0;
        if (payments > 0 && fetch != null && record.timestamp() >= 0) {
            fetch.took(nowUs - record.timestamp() * 1_000, payments);
        }
        out.collect(Row.of(shardKeys[shardOf(key, shardKeys.length)], envelope, payments, nowUs));
    }

    /** The envelope of a record. */
    static byte[] envelope(byte kind, ConsumerRecord<byte[], byte[]> record) {
        byte[] key = record.key();
        byte[] value = record.value();
        int keyLength = key == null ? 0 : key.length;
        ByteBuffer envelope = ByteBuffer.allocate(HEADER_BYTES + keyLength + (value == null ? 0 : value.length));
        envelope.put(kind);
        envelope.put((byte) ((key == null ? 0 : 1) | (value == null ? 0 : 2)));
        envelope.putInt(record.partition());
        envelope.putLong(record.offset());
        envelope.putInt(keyLength);
        envelope.put(key == null ? NOTHING : key);
        envelope.put(value == null ? NOTHING : value);
        return envelope.array();
    }

    /** Number of the shard of an entity. */
    static int shardOf(byte[] entity, int shards) {
        if (shards == 1) {
            return 0;
        }
        CRC32 checksum = new CRC32();
        checksum.update(normal(entity));
        return (int) (checksum.getValue() % shards);
    }

    /** The key in NFC; one that is not UTF-8, or too long for an id, as it is. normal_form.py has the same. */
    static byte[] normal(byte[] key) {
        if (isAscii(key) || key.length > LONGEST_WRITTEN_BYTES) {
            return key;
        }
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(key)).toString();
            return Normalizer.normalize(text, Normalizer.Form.NFC).getBytes(StandardCharsets.UTF_8);
        } catch (CharacterCodingException notText) {
            return key;
        }
    }

    private static boolean isAscii(byte[] key) {
        for (byte each : key) {
            if (each < 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return ROW;
    }
}
