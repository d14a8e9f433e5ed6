// SPDX-License-Identifier: MIT

// The partitions of a GUID Partition Table (UEFI 2.10, section 5.3) for FatFs, which knows those of
// a master boot record alone: it gets such a record, with the first four of them.

#include <string.h>

#include "py/runtime.h"
#include "extmod/vfs_fat.h"
#include "lib/oofatfs/ff.h"
#include "lib/oofatfs/diskio.h"
#include "lib/uzlib/uzlib.h"

// A master boot record: four records of 16 bytes, and its signature.
#define RECORDS         446
#define RECORD_SIZE     16
#define RECORD_COUNT    4
#define RECORD_TYPE     4
#define RECORD_START    8
#define TYPE_PROTECTIVE 0xee
#define TYPE_FAT        0x0c

// The header. Its entries begin with the GUID of a type, which is 0 where there is none.
#define HEADER_SIZE     12
#define HEADER_CRC      16
#define HEADER_PLACE    24
#define HEADER_ENTRIES  72
#define HEADER_COUNT    80
#define HEADER_ENTRY    84
#define HEADER_LIST_CRC 88
#define HEADER_LENGTH   92
#define ENTRY_START     32
#define ENTRY_LENGTH    128
#define TYPE_LENGTH     16
// Tools make 128.
#define MOST_ENTRIES    1024

DRESULT __real_disk_read(void *drive, BYTE *buffer, DWORD sector, UINT count);

static uint32_t word(const BYTE *at) {
    return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

// The number of a sector, if FatFs can have it, or 0.
static uint32_t place(const BYTE *at) {
    return word(at + 4) == 0 ? word(at) : 0;
}

static uint32_t crc_of(const BYTE *data, size_t length, uint32_t former) {
    return ~uzlib_crc32(data, length, ~former);
}

static bool is_protective(const BYTE *sector) {
    const BYTE *record = sector + RECORDS;
    return sector[510] == 0x55 && sector[511] == 0xaa && record[RECORD_TYPE] == TYPE_PROTECTIVE
           && word(record + RECORD_START) == 1;
}

typedef struct {
    uint32_t first; // the sector where they begin
    uint32_t count;
    uint32_t length; // of each
    uint32_t crc;
} entries_t;

// Reads the header in a sector, if there is a whole one.
static bool read_header(void *drive, BYTE *sector, size_t size, uint32_t at, entries_t *entries) {
    if (at == 0 || __real_disk_read(drive, sector, at, 1) != RES_OK
        || memcmp(sector, "EFI PART", 8) != 0) {
        return false;
    }
    uint32_t length = word(sector + HEADER_SIZE);
    uint32_t crc = word(sector + HEADER_CRC);
    if (length < HEADER_LENGTH || length > size) {
        return false;
    }
    memset(sector + HEADER_CRC, 0, 4);
    if (crc_of(sector, length, 0) != crc || place(sector + HEADER_PLACE) != at) {
        return false;
    }
    entries->first = place(sector + HEADER_ENTRIES);
    entries->count = word(sector + HEADER_COUNT);
    entries->length = word(sector + HEADER_ENTRY);
    entries->crc = word(sector + HEADER_LIST_CRC);
    return entries->first != 0 && entries->count <= MOST_ENTRIES
           && entries->length >= ENTRY_LENGTH && entries->length <= size
           && size % entries->length == 0;
}

static bool is_used(const BYTE *entry) {
    static const BYTE unused[TYPE_LENGTH];
    return memcmp(entry, unused, TYPE_LENGTH) != 0;
}

// Where the first partitions begin, if the list of them is whole; the others are 0.
static bool read_starts(void *drive, BYTE *sector, size_t size, const entries_t *entries,
    uint32_t *starts) {
    memset(starts, 0, RECORD_COUNT * sizeof(*starts));
    uint32_t crc = 0;
    size_t found = 0;
    size_t in_sector = size / entries->length;
    for (size_t i = 0; i < entries->count; ++i) {
        if (i % in_sector == 0
            && __real_disk_read(drive, sector, entries->first + i / in_sector, 1) != RES_OK) {
            return false;
        }
        const BYTE *entry = sector + i % in_sector * entries->length;
        crc = crc_of(entry, entries->length, crc);
        if (found < RECORD_COUNT && is_used(entry)) {
            starts[found++] = place(entry + ENTRY_START);
        }
    }
    return crc == entries->crc;
}

static bool find_partitions(void *drive, uint32_t *starts) {
    BYTE sector[FF_MAX_SS];
    size_t size = ((fs_user_mount_t *)drive)->blockdev.block_size;
    DWORD count = 0;
    disk_ioctl(drive, GET_SECTOR_COUNT, &count);
    // The second header is for when the first one is spoilt.
    const uint32_t headers[] = { 1, count - 1 };
    for (size_t i = 0; i < MP_ARRAY_SIZE(headers); ++i) {
        entries_t entries;
        if (read_header(drive, sector, size, headers[i], &entries)
            && read_starts(drive, sector, size, &entries, starts)) {
            return true;
        }
    }
    return false;
}

DRESULT __wrap_disk_read(void *drive, BYTE *buffer, DWORD sector, UINT count) {
    DRESULT result = __real_disk_read(drive, buffer, sector, count);
    uint32_t starts[RECORD_COUNT];
    if (result == RES_OK && sector == 0 && is_protective(buffer) && find_partitions(drive, starts)) {
        BYTE *record = buffer + RECORDS;
        for (size_t i = 0; i < RECORD_COUNT; ++i, record += RECORD_SIZE) {
            memset(record, 0, RECORD_SIZE);
            record[RECORD_TYPE] = starts[i] != 0 ? TYPE_FAT : 0;
            for (size_t n = 0; n < 4; ++n) {
                record[RECORD_START + n] = starts[i] >> 8 * n;
            }
        }
    }
    return result;
}
