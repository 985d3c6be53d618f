package sentinel.edge;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.types.Row;

/**
 * Adds up the totals of all merchants in one-minute windows of event time; one subtask.
 *
 * <p>Input: rows of (minute, totals). Output: rows of (topic, key, JSON) for each closed minute, with an empty key and
 * merchant_id null. A window closes at the watermark, or, when no row came for idleMs, by the wall clock. Totals of a
 * window that is closed count in the earliest one that may be open: nothing is lost, and no minute is written twice.
 *
 * <p>State: operator state, the open windows as arrays of (minute, totals), and one of (closed until).
 */
public final class MinuteTotals extends AbstractStreamOperator<Row> implements OneInputStreamOperator<Row, Row> {

    private static final long serialVersionUID = 1L;
    private static final long MINUTE_MS = 60_000;
    private static final byte[] ALL_MERCHANTS = new byte[0];

    private final String topic;
    private final String[] names;
    private final long idleMs;

    private transient TreeMap<Long, double[]> open;
    private transient long closedUntil;
    private transient long lastRowMs;
    private transient boolean timer;
    private transient ListState<double[]> stored;

    MinuteTotals(StreamOperatorParameters<Row> parameters, String topic, String[] names, long idleMs) {
        super(parameters);
        this.topic = topic;
        this.names = names;
        this.idleMs = idleMs;
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        stored = context.getOperatorStateStore()
                .getListState(new ListStateDescriptor<>(
                        "open-minutes", PrimitiveArrayTypeInfo.DOUBLE_PRIMITIVE_ARRAY_TYPE_INFO));
        open = new TreeMap<>();
        closedUntil = Long.MIN_VALUE;
        for (double[] entry : stored.get()) {
            if (entry.length == 1) {
                closedUntil = (long) entry[0];
            } else {
                double[] totals = new double[entry.length - 1];
                System.arraycopy(entry, 1, totals, 0, totals.length);
                open.put((long) entry[0], totals);
            }
        }
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        stored.clear();
        if (closedUntil > Long.MIN_VALUE) {
            stored.add(new double[] {closedUntil});
        }
        for (Map.Entry<Long, double[]> window : open.entrySet()) {
            double[] entry = new double[window.getValue().length + 1];
            entry[0] = window.getKey();
            System.arraycopy(window.getValue(), 0, entry, 1, window.getValue().length);
            stored.add(entry);
        }
    }

    @Override
    public void processElement(StreamRecord<Row> element) {
        long minute = Math.max((Long) element.getValue().getField(0), closedUntil);
        double[] more = (double[]) element.getValue().getField(1);
        double[] totals = open.computeIfAbsent(minute, unused -> new double[more.length]);
        for (int place = 0; place < more.length; place++) {
            totals[place] += more[place];
        }
        lastRowMs = getProcessingTimeService().getCurrentProcessingTime();
        if (!timer) {
            timer = true;
            getProcessingTimeService().registerTimer(lastRowMs + idleMs, time -> lookIdle());
        }
    }

    @Override
    public void processWatermark(Watermark mark) {
        close(mark.getTimestamp());
    }

    private void lookIdle() {
        long now = getProcessingTimeService().getCurrentProcessingTime();
        if (now - lastRowMs < idleMs) {
            getProcessingTimeService().registerTimer(lastRowMs + idleMs, time -> lookIdle());
            return;
        }
        timer = false;
        close(now);
    }

    private void close(long until) {
        while (!open.isEmpty() && open.firstKey() <= until - MINUTE_MS) {
            Map.Entry<Long, double[]> window = open.pollFirstEntry();
            closedUntil = window.getKey() + MINUTE_MS;
            byte[] value = json(window.getKey(), window.getValue()).getBytes(StandardCharsets.UTF_8);
            output.collect(new StreamRecord<>(Row.of(topic, ALL_MERCHANTS, value)));
        }
    }

    private String json(long minute, double[] totals) {
        StringBuilder text = new StringBuilder("{\"window_start\":\"")
                .append(Instant.ofEpochMilli(minute))
                .append("\",\"window_end\":\"")
                .append(Instant.ofEpochMilli(minute + MINUTE_MS))
                .append("\",\"merchant_id\":null");
        double transactions = 0;
        double alerts = 0;
        for (int place = 0; place < names.length; place++) {
            text.append(",\"").append(names[place]).append("\":");
            if (names[place].equals("amount")) {
                text.append(totals[place]);
            } else {
                text.append((long) totals[place]);
            }
            transactions = names[place].equals("transactions") ? totals[place] : transactions;
            alerts = names[place].equals("alerts") ? totals[place] : alerts;
        }
        return text.append(",\"alert_rate\":").append(alerts / transactions).append("}").toString();
    }

    /** Makes the operator. */
    public static final class Factory extends AbstractStreamOperatorFactory<Row>
            implements OneInputStreamOperatorFactory<Row, Row> {

        private static final long serialVersionUID = 1L;

        private final String topic;
        private final String[] names;
        private final long idleMs;

        /**
         * @param topic of the records
         * @param names of the totals, in order; "amount" is a sum, the others are counts
         * @param idleMs wall-clock time without rows after which windows close by the wall clock
         */
        public Factory(String topic, String[] names, long idleMs) {
            this.topic = topic;
            this.names = names;
            this.idleMs = idleMs;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <T extends StreamOperator<Row>> T createStreamOperator(StreamOperatorParameters<Row> parameters) {
            return (T) new MinuteTotals(parameters, topic, names, idleMs);
        }

        @Override
        @SuppressWarnings("rawtypes")
        public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader classLoader) {
            return MinuteTotals.class;
        }
    }
}
