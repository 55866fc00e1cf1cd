/* The pipeline's race tests: what holds under every schedule. That every record is freed, AddressSanitizer sees. */
#define main pipeline_main /* the program's own is left aside */
#include "pipeline.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

QP_SCENARIO(all_come_through, "each number comes out once, and all stages end")
{
    static const char *const texts[] = {"1", "2", "3", NULL};
    struct pipeline pipeline;
    int64_t sum;
    QP_ASSERT(pipeline_start(&pipeline, 1));
    struct source source = {.out = pipeline.in, .texts = texts};
    struct qp_handle reading = source_start(&source);
    QP_ASSERT(pipeline_sum(&pipeline, &sum));
    QP_ASSERT_EQ(sum, 14);
    QP_ASSERT_EQ(qp_await(qp_join(&reading, NULL)), QP_OK);
    QP_ASSERT_EQ(source.read, 3);
}

QP_SCENARIO(the_slowest_sets_the_pace, "with nobody at the end, a source is held up by what the stages have room for")
{
    static const char *const texts[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
    struct pipeline pipeline;
    QP_ASSERT(pipeline_start(&pipeline, 1));
    struct source source = {.out = pipeline.in, .texts = texts};
    struct qp_handle reading = source_start(&source);
    qp_await(qp_sleep_ms(500));
    QP_ASSERT_EQ(source.read, STAGES + STAGES + 1); /* one in each stage, one before each, one behind the last */
    qp_receiver_drop(pipeline.out);
    QP_ASSERT_EQ(qp_await(qp_join(&reading, NULL)), QP_OK);
}

QP_SCENARIO(an_error_ends_all, "a record that is no number ends every stage; what came before it came through")
{
    static const char *const texts[] = {"1", "2", "three", "4", "5", "6", "7", "8", NULL};
    struct pipeline pipeline;
    int64_t sum;
    QP_ASSERT(pipeline_start(&pipeline, 1));
    struct source source = {.out = pipeline.in, .texts = texts};
    struct qp_handle reading = source_start(&source);
    QP_ASSERT(!pipeline_sum(&pipeline, &sum));
    QP_ASSERT_EQ(sum, 5);
    QP_ASSERT_EQ(qp_await(qp_join(&reading, NULL)), QP_OK);
    QP_ASSERT(source.read < 8);
}

QP_BEARS(a_stage_dies, QP_FAULT_CANCEL | QP_FAULT_YIELD)
QP_SCENARIO(a_stage_dies, "whichever stage is cancelled and whenever, all others end, and nothing comes out twice")
{
    static const char *const texts[] = {"1", "1", "1", "1", NULL};
    struct pipeline pipeline;
    int64_t sum;
    QP_ASSERT(pipeline_start(&pipeline, 1));
    struct source source = {.out = pipeline.in, .texts = texts};
    struct qp_handle reading = source_start(&source);
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    qp_abort(&pipeline.handles[qp_random(STAGES)]);
    (void)pipeline_sum(&pipeline, &sum);
    QP_ASSERT(sum <= source.read);
    qp_await(qp_join(&reading, NULL));
    QP_ASSERT(sum <= source.read);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
