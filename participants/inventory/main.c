#include "inventory.h"

int main(int argc, char **argv)
{
    return participant_main(&inventory_service, argc, argv);
}
