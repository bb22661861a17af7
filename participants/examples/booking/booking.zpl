# A booking: hold the seats, charge the guest, confirm.
saga
    name = booking
    step
        name = hold
        participant = seats
        action = hold
        compensation = release
    step
        name = charge
        participant = wallet
        action = charge
        compensation = refund
    step
        name = confirm
        participant = seats
        action = confirm
        kind = retriable
