package sentinel.edge;

import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.types.Row;

/**
 * Turns a row of (topic, key, value, header values...) into a Kafka record, byte for byte.
 *
 * <p>Null header values make no header; the value and the key may be null. The record has no timestamp of its own.
 */
public final class RecordSerializer implements KafkaRecordSerializationSchema<Row> {

    private static final long serialVersionUID = 1L;
    private static final int FIRST_HEADER = 3;

    private final String[] headers;

    /** @param headers names of the headers, in the order of their fields */
    public RecordSerializer(String[] headers) {
        this.headers = headers;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Row row, KafkaSinkContext context, Long timestamp) {
        ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>((String) row.getField(0), (byte[]) row.getField(1), (byte[]) row.getField(2));
        int last = Math.min(headers.length, row.getArity() - FIRST_HEADER);
        for (int place = 0; place < last; place++) {
            Object value = row.getField(FIRST_HEADER + place);
            if (value != null) {
                record.headers().add(headers[place], (byte[]) value);
            }
        }
        return record;
    }
}
