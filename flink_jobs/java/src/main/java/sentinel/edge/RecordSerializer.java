package sentinel.edge;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.metrics.ThreadSafeSimpleCounter;
import org.apache.flink.types.Row;

/**
 * Turns a row of (topic, key, value, header values...) into a Kafka record, byte for byte.
 *
 * <p>Null header values make no header; the value and the key may be null. The record has no timestamp of its own.
 *
 * <p>A record that is larger than maxBytes would fail the job for ever. Its value, and then its key, is cut to what fits,
 * and the header "truncated.bytes" tells the length of the value before.
 */
public final class RecordSerializer implements KafkaRecordSerializationSchema<Row> {

    private static final long serialVersionUID = 1L;
    private static final int FIRST_HEADER = 3;

    /** Header of a record whose value was cut: the length that it had, in decimal digits. */
    public static final String TRUNCATED = "truncated.bytes";

    // Length of the record, attributes, deltas and lengths of fields; generous.
    private static final int OVERHEAD_BYTES = 256;
    private static final int MAX_KEY_BYTES = 4096;

    private final String[] headers;
    private final int maxBytes;
    private final String paymentTopic;
    private transient Hop sink;

    /**
     * @param headers names of the headers, in the order of their fields
     * @param maxBytes largest record, key, value and headers together
     * @param paymentTopic topic of which each record is a payment, whose hop "sink" is measured; empty for none
     */
    public RecordSerializer(String[] headers, int maxBytes, String paymentTopic) {
        this.headers = headers;
        this.maxBytes = maxBytes;
        this.paymentTopic = paymentTopic;
    }

    /** Declares the hop "sink": from leaving the stage until the broker acknowledges. */
    @Override
    public void open(SerializationSchema.InitializationContext context, KafkaSinkContext sinkContext) {
        if (!paymentTopic.isEmpty()) {
            // A thread of the producer counts, and another one after a producer was replaced.
            sink = new Hop(context.getMetricGroup(), "sink", ThreadSafeSimpleCounter::new);
        }
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Row row, KafkaSinkContext context, Long timestamp) {
        byte[] key = (byte[]) row.getField(1);
        byte[] value = (byte[]) row.getField(2);
        int excess = sizeOf(row) - maxBytes;
        byte[] length = null;
        if (excess > 0) {
            length = Integer.toString(value == null ? 0 : value.length).getBytes(StandardCharsets.US_ASCII);
            byte[] shortKey = cut(key, MAX_KEY_BYTES);
            excess -= lengthOf(key) - lengthOf(shortKey);
            key = shortKey;
            value = cut(value, Math.max(0, lengthOf(value) - Math.max(0, excess)));
        }
        ProducerRecord<byte[], byte[]> record = record((String) row.getField(0), key, value);
        if (length != null) {
            record.headers().add(TRUNCATED, length);
        }
        int last = Math.min(headers.length, row.getArity() - FIRST_HEADER);
        for (int place = 0; place < last; place++) {
            Object header = row.getField(FIRST_HEADER + place);
            if (header != null) {
                record.headers().add(headers[place], (byte[]) header);
            }
        }
        return record;
    }

    private ProducerRecord<byte[], byte[]> record(String topic, byte[] key, byte[] value) {
        PaymentTimes times = sink != null && topic.equals(paymentTopic) ? PaymentTimes.ofTask() : null;
        return times == null
                ? new ProducerRecord<>(topic, key, value)
                : new Acknowledgements.Measured(topic, key, value, sink, times.emittedUs());
    }

    private int sizeOf(Row row) {
        int size = OVERHEAD_BYTES + lengthOf((byte[]) row.getField(1)) + lengthOf((byte[]) row.getField(2));
        int last = Math.min(headers.length, row.getArity() - FIRST_HEADER);
        for (int place = 0; place < last; place++) {
            size += headers[place].length() + lengthOf((byte[]) row.getField(FIRST_HEADER + place)) + 16;
        }
        return size;
    }

    private static int lengthOf(byte[] bytes) {
        return bytes == null ? 0 : bytes.length;
    }

    private static byte[] cut(byte[] bytes, int length) {
        return bytes == null || bytes.length <= length ? bytes : Arrays.copyOf(bytes, length);
    }
}
