/* The quipu command: the whole command line over the scenarios that are linked into it. */
#include <quipu/scenario.h>

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
