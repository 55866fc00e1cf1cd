/* The same in C++: a scenario whose tasks are functions of its own. */
#include <quipu/quipu.h>
#include <vector>

namespace
{
struct clockwork {
    std::vector<int> struck;
};

void strike(void *arg)
{
    auto *self = static_cast<clockwork *>(arg);
    for (int hour = 1; hour <= 3; hour++) {
        qp_await(qp_sleep_ms(1000));
        self->struck.push_back(hour);
    }
}
} // namespace

QP_SCENARIO(it_strikes_thrice, "three hours pass, and three are struck")
{
    clockwork self;
    qp_handle task = qp_spawn(strike, &self);
    QP_ASSERT(qp_await(qp_timeout_ms(5000, qp_join(&task, nullptr))) == QP_OK);
    QP_ASSERT_EQ(self.struck.size(), 3);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
