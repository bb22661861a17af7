/* zsaga-witness: see tests/support/witness.h. */
#include "witness.h"

int main(int argc, char **argv)
{
    return consumer_main(&witness_service, argc, argv);
}
