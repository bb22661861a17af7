#include "order.h"

int main(int argc, char **argv)
{
    return participant_main(&order_service, argc, argv);
}
