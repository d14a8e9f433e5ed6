# SPDX-License-Identifier: MIT

# Lays out the functions of port/hot.txt: awk -f hot.awk port/hot.txt sizes, where `sizes` is what
# `size -A` says of all object files. Prints the lines of a linker script. A function goes into the
# first page that has room for it; one that is larger has pages of its own.

BEGIN { PAGE = 4096 }

# What the compiler made of `name`: itself, and clones of it.
FNR == NR { if (NF == 1) hot[++count] = $1; next }

/^\.text\./ {
    name = substr($1, 7)
    sub(/\.(constprop|isra|part)\..*/, "", name)
    size[name] += and_padding($2)
}

# An upper bound: whatever the alignment of a function, up to 16 bytes.
function and_padding(bytes) { return int((bytes + 15) / 16) * 16 }

function place(name,    page) {
    for (page = 1; used[page] > 0 && used[page] + size[name] > PAGE; )
        ++page
    if (page > pages)
        pages = page
    used[page] += size[name]
    held[page] = held[page] sprintf("*(.text.%s .text.%s.*)\n", name, name)
}

END {
    for (i = 1; i <= count; ++i)
        if (hot[i] in size)
            place(hot[i])
    for (i = 1; i <= pages; ++i)
        printf ". = ALIGN(4K);\n%s", held[i]
    print ". = ALIGN(4K);"
}
