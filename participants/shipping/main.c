#include "shipping.h"

int main(int argc, char **argv)
{
    return participant_main(&shipping_service, argc, argv);
}
