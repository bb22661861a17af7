/* What the observer answers, as `zsaga top` draws it: on screens of any size nothing but UTF-8 that
 * no terminal obeys, and as JSON always a document. The first two bytes are the screen's size. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "view.h"
#include "view_json.h"
#include "wire/arena.h"

const enum fuzz_shape fuzz_shape = FUZZ_WIRE;
const size_t fuzz_shape_skip = 3;

#define BUDGET ((size_t)8 << 20)

static void check_screen(const struct screen *screen)
{
    struct buffer text = {0};
    screen_text(screen, &text);
    fuzz_require(text_is_utf8(buffer_bytes(&text)), "what is drawn is no UTF-8");
    for (size_t i = 0; i < text.len; i++)
        fuzz_require((text.data[i] >= 0x20 && text.data[i] != 0x7f) || text.data[i] == '\n',
                     "a control character is drawn");
    buffer_release(&text);
}

static void draw(const Zsaga__ViewReport *report, const struct view_state *state, size_t columns,
                 size_t rows, bool ascii)
{
    struct screen *screen = screen_new(columns, rows, ascii);
    view_render(report, state, screen);
    check_screen(screen);
    screen_free(screen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t columns = 1 + fuzz_u8(&input);
    size_t rows = 1 + fuzz_u8(&input);
    uint8_t flags = fuzz_u8(&input);
    struct bytes packed = fuzz_rest(&input);
    struct arena arena;
    arena_init(&arena, BUDGET);
    const Zsaga__ViewReport *report =
        zsaga__view_report__unpack(&arena.allocator, packed.len, packed.data);
    const struct view_state state = {
        .suite = "somewhere",
        .wall_ms = INT64_C(1700000000000),
        .age_ms = flags * 100,
        .silent_ms = (flags & 2) != 0 ? 5000 : 0,
        .live = (flags & 4) != 0,
        .trouble = (flags & 8) != 0 ? packed : bytes_of("", 0),
    };
    draw(report, &state, columns, rows, (flags & 1) != 0);
    if (report != NULL) {
        size_t all = view_rows(report);
        draw(report, &state, columns, all < 500 ? all : 500, false);
        json_t *json = view_json(report, &state);
        char *text = json_dumps(json, 0);
        fuzz_require(text != NULL, "a report without a document");
        free(text);
        json_decref(json);
    }
    arena_release(&arena);
    return 0;
}
