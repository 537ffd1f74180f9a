package publish

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// record is what is left of a row: millions of them are held at once.
type record struct {
	key    uint64
	before int64 // crl.Always without
	exp    int64 // expUnknown: as the entry has it already, else from now on
	seq    uint32
	rule   uint8
	gone   bool // the row reinstates
}

// expUnknown stands for the end of a jti of which nobody said when it was revoked.
const expUnknown = -1

// rowLog keeps records in blocks, so that it grows without being copied.
type rowLog struct {
	blocks [][]record
	n      int
}

const blockRecords = 1 << 15

func (l *rowLog) append(r record) {
	if l.n%blockRecords == 0 {
		size := blockRecords
		if l.n == 0 {
			size = 64 // most runs have few rows
		}
		l.blocks = append(l.blocks, make([]record, 0, size))
	}
	last := &l.blocks[len(l.blocks)-1]
	*last = append(*last, r)
	l.n++
}

// bucketBits is by how many bits of the keys, which are hashes, the records of a rule
// are parted before they are sorted.
const bucketBits = 12

// sorted gives the records by rule, key and order of the rows, and empties the log.
// They are parted first, by rule and the keys' highest bits, and the parts sorted on
// all processors.
func (l *rowLog) sorted(rules int) []record {
	ends := make([]int, (rules+1)<<bucketBits+1)
	for _, block := range l.blocks {
		for i := range block {
			ends[bucket(&block[i])+1]++
		}
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	all := make([]record, l.n)
	next := slices.Clone(ends)
	for at, block := range l.blocks {
		for i := range block {
			b := bucket(&block[i])
			all[next[b]] = block[i]
			next[b]++
		}
		l.blocks[at] = nil
	}
	*l = rowLog{}
	var done sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		done.Go(func() {
			for i := worker; i < len(ends)-1; i += workers {
				slices.SortFunc(all[ends[i]:ends[i+1]], func(a, b record) int {
					return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq))
				})
			}
		})
	}
	done.Wait()
	return all
}

func bucket(r *record) int { return int(r.rule)<<bucketBits | int(r.key>>(64-bucketBits)) }
