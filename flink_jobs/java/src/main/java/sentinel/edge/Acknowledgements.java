package sentinel.edge;

import java.util.Map;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.Headers;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * Measures the hop to Kafka of the records that ask for it, from the time they left the stage until the broker
 * acknowledges them. Kafka makes one for each producer (interceptor.classes).
 */
public final class Acknowledgements implements ProducerInterceptor<byte[], byte[]> {

    /** A record whose hop is measured: it costs nothing on the wire. */
    static final class Measured extends ProducerRecord<byte[], byte[]> {

        private final MeasuredHeaders headers;

        Measured(String topic, byte[] key, byte[] value, Hop hop, long leftUs) {
            super(topic, key, value);
            headers = new MeasuredHeaders(hop, leftUs);
        }

        @Override
        public Headers headers() {
            return headers;
        }
    }

    /** What Kafka hands back with the acknowledgement: the record's headers. */
    private static final class MeasuredHeaders extends RecordHeaders {

        private final Hop hop;
        private final long leftUs;

        private MeasuredHeaders(Hop hop, long leftUs) {
            this.hop = hop;
            this.leftUs = leftUs;
        }
    }

    @Override
    public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
        return record;
    }

    @Override
    public void onAcknowledgement(RecordMetadata metadata, Exception failure, Headers headers) {
        if (failure == null && headers instanceof MeasuredHeaders) {
            MeasuredHeaders measured = (MeasuredHeaders) headers;
            measured.hop.took(Hop.nowUs() - measured.leftUs, 1);
        }
    }

    @Override
    public void configure(Map<String, ?> configuration) {}

    @Override
    public void close() {}
}
