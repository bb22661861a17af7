#   A booking: rooms held by a participant in Python, charged by the shipped payment service. Put
#   into definitions/ of the data directory; a suite that has both participants takes it up at its
#   next start.
saga
    name = booking

    #   Holds the rooms, all of them or none. Refuses with unknown_room, or with no_room.
    step
        name = hold
        participant = rooms
        action = hold
        compensation = release

    #   Refuses with unknown_customer, or with insufficient_credit: then the rooms are released.
    step
        name = charge
        participant = payment
        action = charge
        compensation = refund

    step
        name = confirm
        participant = rooms
        action = confirm
        kind = retriable
