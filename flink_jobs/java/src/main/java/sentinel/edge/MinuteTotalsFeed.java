package sentinel.edge;

import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.types.Row;

/**
 * Emits the totals of a merchant subtask by minute, as rows of (minute, totals), and its watermark behind them.
 *
 * <p>Input: rows of the merchant stage, with the watermark after the batch, minutes (epoch ms), and one array of doubles
 * for each column of the totals. A subtask without rows for idleMs is marked idle, so that it does not hold back the
 * others.
 */
public final class MinuteTotalsFeed extends AbstractStreamOperator<Row> implements OneInputStreamOperator<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int watermarkColumn;
    private final int minutesColumn;
    private final int[] totalColumns;
    private final long idleMs;

    private transient long watermark;
    private transient long lastRowMs;
    private transient boolean idle;
    private transient boolean timer;

    MinuteTotalsFeed(
            StreamOperatorParameters<Row> parameters,
            int watermarkColumn,
            int minutesColumn,
            int[] totalColumns,
            long idleMs) {
        super(parameters);
        this.watermarkColumn = watermarkColumn;
        this.minutesColumn = minutesColumn;
        this.totalColumns = totalColumns;
        this.idleMs = idleMs;
    }

    @Override
    public void open() throws Exception {
        super.open();
        watermark = Long.MIN_VALUE;
    }

    @Override
    public void processElement(StreamRecord<Row> element) {
        Row row = element.getValue();
        Object[] minutes = (Object[]) row.getField(minutesColumn);
        if (minutes.length == 0) {
            return;
        }
        lastRowMs = getProcessingTimeService().getCurrentProcessingTime();
        if (idle) {
            idle = false;
            output.emitWatermarkStatus(WatermarkStatus.ACTIVE);
        }
        Object[][] columns = new Object[totalColumns.length][];
        for (int place = 0; place < columns.length; place++) {
            columns[place] = (Object[]) row.getField(totalColumns[place]);
        }
        for (int position = 0; position < minutes.length; position++) {
            double[] totals = new double[columns.length];
            for (int place = 0; place < columns.length; place++) {
                totals[place] = ((Number) columns[place][position]).doubleValue();
            }
            output.collect(new StreamRecord<>(Row.of(((Number) minutes[position]).longValue(), totals)));
        }
        long reached = ((Number) row.getField(watermarkColumn)).longValue();
        if (reached > watermark) {
            watermark = reached;
            output.emitWatermark(new Watermark(reached));
        }
        if (!timer) {
            timer = true;
            getProcessingTimeService().registerTimer(lastRowMs + idleMs, time -> lookIdle());
        }
    }

    /** Watermarks of this operator come from the rows; none comes from above. */
    @Override
    public void processWatermark(Watermark mark) {
        if (mark.equals(Watermark.MAX_WATERMARK)) {
            output.emitWatermark(mark);
        }
    }

    private void lookIdle() {
        long now = getProcessingTimeService().getCurrentProcessingTime();
        if (now - lastRowMs >= idleMs) {
            timer = false;
            idle = true;
            output.emitWatermarkStatus(WatermarkStatus.IDLE);
        } else {
            getProcessingTimeService().registerTimer(lastRowMs + idleMs, time -> lookIdle());
        }
    }

    /** Makes the operator. */
    public static final class Factory extends AbstractStreamOperatorFactory<Row>
            implements OneInputStreamOperatorFactory<Row, Row> {

        private static final long serialVersionUID = 1L;

        private final int watermarkColumn;
        private final int minutesColumn;
        private final int[] totalColumns;
        private final long idleMs;

        /**
         * @param watermarkColumn position of the watermark (LONG)
         * @param minutesColumn position of the minutes (array of LONG)
         * @param totalColumns positions of the totals (arrays of DOUBLE)
         * @param idleMs wall-clock time without rows after which the subtask is idle
         */
        public Factory(int watermarkColumn, int minutesColumn, int[] totalColumns, long idleMs) {
            this.watermarkColumn = watermarkColumn;
            this.minutesColumn = minutesColumn;
            this.totalColumns = totalColumns;
            this.idleMs = idleMs;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <T extends StreamOperator<Row>> T createStreamOperator(StreamOperatorParameters<Row> parameters) {
            return (T) new MinuteTotalsFeed(parameters, watermarkColumn, minutesColumn, totalColumns, idleMs);
        }

        @Override
        @SuppressWarnings("rawtypes")
        public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader classLoader) {
            return MinuteTotalsFeed.class;
        }
    }
}
