// SPDX-License-Identifier: MIT

// The line editor of MicroPython, which takes ASCII only and counts bytes. This one has UTF-8 put
// into the line, takes whole characters out of it, and draws the line itself where bytes are not
// columns.

#include "py/mpconfig.h"
#include "py/mphal.h"

static void show(const char *text, size_t length);
static void show_string(const char *text);

#define mp_hal_stdout_tx_strn show
#define mp_hal_stdout_tx_str show_string
#define readline readline_of_ascii
#include "shared/readline/readline.c"
#undef mp_hal_stdout_tx_strn
#undef mp_hal_stdout_tx_str
#undef readline

#define LONGEST_CHARACTER 4
#define LAST_FIRST_BYTE 0xf7

static bool hidden;

static void show(const char *text, size_t length) {
    if (!hidden) {
        mp_hal_stdout_tx_strn(text, length);
    }
}

static void show_string(const char *text) {
    show(text, strlen(text));
}

static bool is_ascii(int c) {
    return c >= ' ' && c < 0x7f;
}

// A byte of a character that is not its first one.
static bool is_continued(size_t at) {
    return at < rl.line->len && UTF8_IS_CONT(rl.line->buf[at]);
}

static size_t length_of(uint8_t first) {
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

static bool line_is_ascii(void) {
    for (size_t i = rl.orig_line_len; i < rl.line->len; ++i) {
        if (UTF8_IS_NONASCII(rl.line->buf[i])) {
            return false;
        }
    }
    return true;
}

// Goes back over the characters between two places of the line.
static void go_back(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
        if (!is_continued(i)) {
            mp_hal_stdout_tx_str("\b");
        }
    }
}

// From where the line begins, which is where the cursor is.
static void draw(void) {
    mp_hal_stdout_tx_strn(rl.line->buf + rl.orig_line_len, rl.line->len - rl.orig_line_len);
    mp_hal_stdout_tx_str("\x1b[K");
    go_back(rl.cursor_pos, rl.line->len);
}

static void insert(const uint8_t *character, size_t length) {
    go_back(rl.orig_line_len, rl.cursor_pos);
    for (size_t i = 0; i < length; ++i) {
        vstr_ins_byte(rl.line, rl.cursor_pos++, character[i]);
    }
    draw();
}

// A key has taken one byte out, or went over one: the rest of the character is to follow.
static void finish_character(size_t cursor, size_t length) {
    if (rl.line->len < length) {
        while (is_continued(rl.cursor_pos)) {
            vstr_cut_out_bytes(rl.line, rl.cursor_pos, 1);
        }
        size_t first = rl.cursor_pos;
        while (first > rl.orig_line_len && UTF8_IS_CONT(rl.line->buf[first - 1])) {
            --first;
        }
        if (first > rl.orig_line_len && UTF8_IS_NONASCII(rl.line->buf[first - 1])
            && rl.cursor_pos - (first - 1) < length_of(rl.line->buf[first - 1])) {
            vstr_cut_out_bytes(rl.line, first - 1, rl.cursor_pos - (first - 1));
            rl.cursor_pos = first - 1;
        }
    }
    int step = rl.cursor_pos < cursor ? -1 : 1;
    while (is_continued(rl.cursor_pos)) {
        rl.cursor_pos += step;
    }
}

static int process_key(int c) {
    bool is_added = is_ascii(c) && rl.escape_seq == ESEQ_NONE && rl.cursor_pos == rl.line->len;
    if (line_is_ascii() || is_added) {
        return readline_process_char(c);
    }
    size_t cursor = rl.cursor_pos, length = rl.line->len;
    if (c != '\t') {
        go_back(rl.orig_line_len, cursor);
    }
    hidden = true;
    int result = readline_process_char(c);
    hidden = false;
    if (result < 0) {
        finish_character(cursor, length);
        if (c == '\t') {
            // It may have shown what words there are.
            mp_hal_stdout_tx_str("\r");
            mp_hal_stdout_tx_str(rl.prompt);
        }
    }
    draw();
    if (result == 0) {
        mp_hal_stdout_tx_str("\r\n");
    }
    return result;
}

// Puts a character into the line as soon as it is complete. What is no UTF-8 is left out.
static void collect(int c, uint8_t *character, size_t *length) {
    if (!UTF8_IS_CONT(c)) {
        *length = 0;
    } else if (*length == 0) {
        return;
    }
    character[(*length)++] = c;
    if (*length == length_of(character[0])) {
        if (character[0] <= LAST_FIRST_BYTE) {
            insert(character, *length);
        }
        *length = 0;
    }
}

int readline(vstr_t *line, const char *prompt) {
    uint8_t character[LONGEST_CHARACTER];
    size_t length = 0;
    hidden = false;
    readline_init(line, prompt);
    for (;;) {
        int c = mp_hal_stdin_rx_chr();
        if (UTF8_IS_NONASCII(c)) {
            collect(c, character, &length);
            continue;
        }
        length = 0;
        int result = process_key(c);
        if (result >= 0) {
            return result;
        }
    }
}
