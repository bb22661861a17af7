#   The order: five steps in four services, and how each is taken back.
#
#   A saga goes through its steps from top to bottom. When a step refuses (or is given up), the
#   steps above it are taken back, from the last one done to the first, and the order ends
#   "compensated". When all are done, it ends "completed". A running saga keeps the definition it
#   was started with, so this file can be changed at any time: new orders follow the new text.
#
#   A step names the participant that does it (suite.zpl says where that is), the action that does
#   it, and the compensation that takes it back. Whatever else is not said here has a default:
#
#       timeout = 2s            silence after which the same command is sent again
#       retry                   for an answer of "not now":
#           attempts = 5            so often,
#           first = 100ms           the first time after this,
#           factor = 2              each further time after so many times as long,
#           max = 5s                but never longer than this
#       patience = 60s          silence and outage together before the step is given up
#       undo                    the same for the compensation, which has no number of attempts:
#           first = 100ms
#           max = 30s
#           patience = 24h          then the saga is in "attention": a person must look at it

saga
    name = order

    #   First the order itself, still pending: from here on its id is taken, and somebody who asks
    #   for it finds it. Refuses with order_exists.
    step
        name = create
        participant = order
        action = create
        compensation = cancel

    #   Promises the stock, all of the order's items or nothing. Refuses with unknown_sku, or with
    #   out_of_stock.
    step
        name = reserve
        participant = inventory
        action = reserve
        compensation = release

    #   Takes the total from the customer's credit. Refuses with unknown_customer, or with
    #   insufficient_credit.
    step
        name = charge
        participant = payment
        action = charge
        compensation = refund

    #   The step most likely to refuse for reasons of its own (undeliverable, oversize): so it
    #   stands last among those that can be taken back, and everything above shows that it can.
    step
        name = ship
        participant = shipping
        action = schedule
        compensation = cancel

    #   Nothing can refuse any more, so there is nothing to take back: this is repeated until it is
    #   done. Sending it for the first time is the point of no return.
    step
        name = confirm
        participant = order
        action = confirm
        kind = retriable
