/**
 * Explodes array columns of a stage's rows: emits one row for each element; see flink_jobs/explode.py.
 *
 * Flink compiles this source on the cluster; its compiler knows no generics. References: whether to emit table data, and
 * the positions of the columns, whose arrays have equal length. Other columns are not read.
 */
public class Explode extends org.apache.flink.streaming.api.operators.AbstractStreamOperator
        implements org.apache.flink.streaming.api.operators.OneInputStreamOperator {

    private final boolean toTable;
    private final int[] columns;

    public Explode(
            Object[] references,
            org.apache.flink.streaming.runtime.tasks.StreamTask task,
            org.apache.flink.streaming.api.graph.StreamConfig config,
            org.apache.flink.streaming.api.operators.Output output,
            org.apache.flink.streaming.runtime.tasks.ProcessingTimeService time)
            throws Exception {
        this.toTable = ((Boolean) references[0]).booleanValue();
        this.columns = new int[references.length - 1];
        for (int place = 0; place < columns.length; place++) {
            columns[place] = ((Number) references[place + 1]).intValue();
        }
        this.setup(task, config, output);
        this.setProcessingTimeService(time);
    }

    public void processElement(org.apache.flink.streaming.runtime.streamrecord.StreamRecord element) throws Exception {
        org.apache.flink.types.Row row = (org.apache.flink.types.Row) element.getValue();
        Object[][] arrays = new Object[columns.length][];
        for (int place = 0; place < columns.length; place++) {
            arrays[place] = (Object[]) row.getField(columns[place]);
        }
        for (int position = 0; position < arrays[0].length; position++) {
            Object exploded = toTable ? (Object) tableRow(arrays, position) : (Object) streamRow(arrays, position);
            output.collect(new org.apache.flink.streaming.runtime.streamrecord.StreamRecord(exploded));
        }
    }

    private static org.apache.flink.table.data.GenericRowData tableRow(Object[][] arrays, int position) {
        org.apache.flink.table.data.GenericRowData row = new org.apache.flink.table.data.GenericRowData(arrays.length);
        for (int place = 0; place < arrays.length; place++) {
            row.setField(place, arrays[place][position]);
        }
        return row;
    }

    private static org.apache.flink.types.Row streamRow(Object[][] arrays, int position) {
        org.apache.flink.types.Row row = new org.apache.flink.types.Row(arrays.length);
        for (int place = 0; place < arrays.length; place++) {
            row.setField(place, arrays[place][position]);
        }
        return row;
    }
}
