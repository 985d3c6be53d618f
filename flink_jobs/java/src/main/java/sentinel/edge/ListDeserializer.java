package sentinel.edge;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Turns the Kafka record of a list entry into rows of (shard key, envelope, number of payments, time of emission).
 *
 * <p>The record key is entity/list/id, and the id may hold slashes. The shard is the CRC-32 of the id, so that the entry
 * of a user meets the payments of that user. The entry of a shared entity, which no stage is sharded by, goes to every
 * shard. A key of another form belongs to the shard of its own CRC-32; the stage refuses the record.
 */
public final class ListDeserializer implements KafkaRecordDeserializationSchema<Row>, Serializable {

    private static final long serialVersionUID = 1L;
    private static final byte SEPARATOR = '/';

    private final byte kind;
    private final Set<String> shared;
    private final long[] shardKeys;

    /**
     * @param kind kind of the records: one ASCII letter
     * @param shared kinds of entities whose entries go to all shards
     * @param shardKeys Flink key of each shard
     */
    public ListDeserializer(String kind, String[] shared, long[] shardKeys) {
        this.kind = (byte) kind.charAt(0);
        this.shared = new HashSet<>(Arrays.asList(shared));
        this.shardKeys = shardKeys;
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Row> out) {
        byte[] key = record.key() == null ? EnvelopeDeserializer.NOTHING : record.key();
        byte[] envelope = EnvelopeDeserializer.envelope(kind, record);
        int entityEnd = indexOf(key, 0);
        if (entityEnd >= 0 && shared.contains(new String(key, 0, entityEnd, StandardCharsets.UTF_8))) {
            for (long shardKey : shardKeys) {
                out.collect(Row.of(shardKey, envelope, 0, Hop.nowUs()));
            }
            return;
        }
        int listEnd = entityEnd < 0 ? -1 : indexOf(key, entityEnd + 1);
        byte[] entity = Arrays.copyOfRange(key, listEnd + 1, key.length);
        long shardKey = shardKeys[EnvelopeDeserializer.shardOf(entity, shardKeys.length)];
        out.collect(Row.of(shardKey, envelope, 0, Hop.nowUs()));
    }

    private static int indexOf(byte[] key, int from) {
        for (int place = from; place < key.length; place++) {
            if (key[place] == SEPARATOR) {
                return place;
            }
        }
        return -1;
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return EnvelopeDeserializer.ROW;
    }
}
