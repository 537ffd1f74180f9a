// Package crl is the list itself: rules, entries, fingerprints, the packed
// set, the file format of snapshots and deltas, and how they are applied and
// composed. It does no I/O and knows no clock: bytes and moments come in, bytes
// and answers go out. docs/FORMAT.md tells the same for other languages.
//
// # Rules, entries, fingerprints
//
// A [Rule] names the claims that an entry matches, in alphabetical (byte)
// order; its name is those names joined by "+", or "*" for none. A list gives
// each rule an id of 1 to 255, in its signed manifest, and never reuses it.
//
// An [Entry] is (rule id, fingerprint, before, exp). The fingerprint is the
// first 8 bytes, big endian, of
//
//	SHA-256(salt[16] ‖ rule id[1] ‖ for each value: uvarint length ‖ bytes)
//
// with the values in the rule's order and the salt of the list. A token is
// revoked by an entry of its fingerprint if it has no iat, or iat < before.
//
// # The file
//
// Snapshots and deltas are one format: the changes that lead from version
// "from" to version "to". A snapshot has from = 0 and removes nothing. All
// integers are little endian. A file is
//
//	header, 64 bytes
//	    0  magic "REVOCAST"
//	    8  u16 format version, 1
//	   10  u16 number of sections
//	   12  u32 zero
//	   16  u64 from
//	   24  u64 to
//	   32  32 zero bytes
//	section table, 64 bytes a section, in ascending order of (rule, form)
//	    0  u8  rule id
//	    1  u8  form: 0 outright, 1 before, 2 removed from outright, 3 removed from before
//	    2  u8  layout of the keys: 0 plain, 1 packed
//	    3  u8  bits of one before value, 0 unless the form is 1
//	    4  u8  bits of one expiry code
//	    5  3 zero bytes
//	    8  u64 n, the number of entries, at least 1
//	   16  u64 bytes of the keys
//	   24  i64 smallest before of the section, 0 unless the form is 1
//	   32  u32 number of expiries in the section's table
//	   36  28 zero bytes
//	the sections' bodies, in the table's order
//	8 zero bytes
//
// A section's body is its keys, its befores (n values of the width in the
// table, each the difference to the smallest), its expiry codes (n indexes into
// the expiry table) and its expiry table (ascending distinct i64 Unix seconds;
// the largest i64 means never). Each of the four starts at a multiple of 8 bytes
// and is padded with zeros to one. Forms 2 and 3 have keys only. Values of w
// bits are packed from the lowest bit of the first byte upward, with no
// gap between them; w is the smallest that holds the section's largest value,
// and a width of 0 takes no bytes.
//
// # Keys
//
// Keys are distinct and ascending. The plain layout is n u64. It is used if and
// only if n < 128, or if a superblock of the packed layout would hold more than
// 65,535 keys (somebody ground out claim values to make that happen: it costs
// memory and time, and stays correct).
//
// The packed layout is a blocked Elias–Fano code. With k = ceil(log2 n), the
// top k bits of a key are its bucket and the low l = 64-k bits its remainder.
// 64 buckets make a block; 2^s blocks make a superblock, s = min(4, k-6). With
// S = 2^(k-6-s) superblocks, the keys are
//
//	u32 pivot[S+1]    byte offsets from the start of the section's keys; the last
//	                  is the end of the last superblock
//	superblocks
//
// The first superblock starts right behind the directory, padded to 8 bytes.
// A superblock of m keys is stored around its pivot P:
//
//	ceil(m·l/8) bytes  remainders, growing downward: the i-th key's l bits are the
//	                   bits [8P-(i+1)l, 8P-il) of the section's keys, counted
//	                   from the lowest bit of byte 0
//	P:                 u32 number of the section's keys in the superblocks before
//	                   2^s × (u16 rank, u64 occupied): rank is the number of keys in
//	                   the superblock's blocks before this one; bit b of occupied is
//	                   set if bucket b of the block holds a key
//	                   ceil((m+1)/8) bytes of run starts: bit i is set if the i-th
//	                   key is the first of its bucket; bit m is set
//
// and the next superblock's remainders follow at once. Unused bits are zero.
// pivot[S] is the end of the last superblock, and the keys are
// padded to 8 bytes behind it. A lookup reads a pivot, one block of
// ten bytes, and in the buckets that hold a key a few run starts and
// remainders close by.
//
// The encoding is canonical: the same changes give the same bytes. [Parse]
// checks every length and all that a lookup follows; [File.Verify] checks that
// the bytes are the canonical ones.
//
// # State, deltas and expiry
//
// The entries at version v are a snapshot (0, v]. A delta (a, b] names every
// (rule, form, key) that was touched in a version after a and up to b: with its
// values at b, or as removed if it is not there at b. So a delta may
// be applied to the state of any version from a up to b, and two
// deltas that meet compose into one ([Compose]).
//
// Expiry is applied by version: an entry whose exp is not after the version's
// dropped moment is not in that version. Readers drop exactly those after
// applying what changed ([Apply]).
//
// The [Checksum] of a state is the sum, over its entries, of
//
//	SHA-256(rule id[1] ‖ form[1] ‖ key[8] ‖ before[8] ‖ exp[8])
//
// taken as four u64 lanes that are added modulo 2^64 each; before is 0 for
// form 0. It can be kept current from the changes alone.
//
// # In memory
//
// The bytes of a file are what is searched; nothing is unpacked. A [List] is a
// snapshot with at most two deltas over it, which a lookup asks first. A refresh
// composes its delta with the second, that now and then with the first, and the whole
// with the snapshot when it has grown to a 64th of that, or when something
// expires. Large files lie outside the Go heap, in huge pages where there are any
// (package memory); whoever uses [File.Bytes] keeps the file reachable.
package crl
