#include "payment.h"

int main(int argc, char **argv)
{
    return participant_main(&payment_service, argc, argv);
}
