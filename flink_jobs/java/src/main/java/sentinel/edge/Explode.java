package sentinel.edge;

import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Explodes array columns of a row: emits one row for each element; flink_jobs/explode.py describes its use.
 *
 * <p>A group is a list of columns whose arrays have equal length. Each emitted row begins with the tag of its group, and
 * all have one width; missing fields are null.
 */
public final class Explode extends RichFlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int[][] groups;
    private final String[] tags;
    private final int width;
    private final String paymentTag;

    /**
     * @param groups positions of the columns of each group
     * @param tags first field of the rows of each group
     * @param width of the rows
     * @param paymentTag tag of the group of which each row is a payment that leaves the task; empty for none
     */
    public Explode(int[][] groups, String[] tags, int width, String paymentTag) {
        this.groups = groups;
        this.tags = tags;
        this.width = width;
        this.paymentTag = paymentTag;
    }

    @Override
    public void flatMap(Row row, Collector<Row> out) {
        for (int number = 0; number < groups.length; number++) {
            int[] group = groups[number];
            Object[][] arrays = new Object[group.length][];
            for (int place = 0; place < group.length; place++) {
                arrays[place] = (Object[]) row.getField(group[place]);
            }
            if (tags[number].equals(paymentTag)) {
                paymentsLeave(arrays[0].length);
            }
            for (int position = 0; position < arrays[0].length; position++) {
                Row exploded = new Row(width);
                int field = 0;
                exploded.setField(field++, tags[number]);
                for (Object[] array : arrays) {
                    exploded.setField(field++, array[position]);
                }
                out.collect(exploded);
            }
        }
    }

    private static void paymentsLeave(int payments) {
        PaymentTimes times = PaymentTimes.ofTask();
        if (times != null) {
            times.emitted(payments);
        }
    }
}
