package sentinel.edge;

import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Explodes the stage messages in a row of arrays: emits a row of (key, message, payments, left) for each.
 *
 * <p>payments is the number of payments in the message, left the time at which it leaves the task, epoch microseconds.
 */
public final class ExplodeMessages extends RichFlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int keys;
    private final int messages;
    private final int payments;

    /**
     * @param keys position of the column of Flink keys
     * @param messages position of the column of messages
     * @param payments position of the column of numbers of payments
     */
    public ExplodeMessages(int keys, int messages, int payments) {
        this.keys = keys;
        this.messages = messages;
        this.payments = payments;
    }

    @Override
    public void flatMap(Row row, Collector<Row> out) {
        Object[] targets = (Object[]) row.getField(keys);
        if (targets.length == 0) {
            return;
        }
        Object[] contents = (Object[]) row.getField(messages);
        Object[] numbers = (Object[]) row.getField(payments);
        PaymentTimes times = PaymentTimes.ofTask();
        for (int position = 0; position < targets.length; position++) {
            int number = ((Number) numbers[position]).intValue();
            long leftUs = times == null ? Hop.nowUs() : times.emitted(number);
            out.collect(Row.of(targets[position], contents[position], number, leftUs));
        }
    }
}
