package publish

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"github.com/revocast/revocast/crl"
)

// rowLog keeps records in blocks, so that it grows without being copied. Their
// fingerprints are taken a batch at a time, on another processor than the one
// that reads the rows: no more than a few batches are held as strings.
type rowLog struct {
	salt    crl.Salt
	blocks  [][]record
	n       int
	rows    uint32 // appended so far
	batch   *batch
	batches chan *batch // nil before the first full one
	done    sync.WaitGroup
}

// batch is some rows, and the values of all their claims one after the other.
type batch struct {
	records []record
	counts  []uint8
	values  []string
}

const (
	batchRecords = 512
	blockRecords = 1 << 15
)

// append takes a record without its key and seq, and the values that make the key.
func (l *rowLog) append(r record, values []string) {
	if l.batch == nil {
		l.batch = &batch{}
	}
	b := l.batch
	l.rows++
	b.records = append(b.records, r)
	b.counts = append(b.counts, uint8(len(values)))
	b.values = append(b.values, values...)
	if len(b.records) < batchRecords {
		return
	}
	if l.batches == nil {
		l.batches = make(chan *batch, 4)
		l.done.Go(func() {
			for b := range l.batches {
				l.take(b)
			}
		})
	}
	l.batches <- b
	l.batch = nil
}

// take fingerprints a batch and appends it to the blocks.
func (l *rowLog) take(b *batch) {
	var p crl.Preimage
	for i, r := range b.records {
		p.Reset(&l.salt, r.rule)
		for _, value := range b.values[:b.counts[i]] {
			p.AddString(value)
		}
		b.values = b.values[b.counts[i]:]
		r.key, r.seq = p.Fingerprint(), uint32(l.n)
		if l.n%blockRecords == 0 {
			l.blocks = append(l.blocks, make([]record, 0, min(blockRecords, max(len(b.records), blockRecords*l.n))))
		}
		last := &l.blocks[len(l.blocks)-1]
		*last = append(*last, r)
		l.n++
	}
}

// close ends the appending; it may be called again.
func (l *rowLog) close() {
	if l.batches != nil {
		close(l.batches)
		l.done.Wait()
		l.batches = nil
	}
	if l.batch != nil {
		l.take(l.batch)
		l.batch = nil
	}
}

// bucketBits is by how many bits of the keys, which are hashes, the records of a rule
// are parted before they are sorted.
const bucketBits = 12

// sorted returns the records by rule, key and moment, and empties the log. It parts them first, by
// rule and the highest bits of the keys, and sorts the parts on all processors.
func (l *rowLog) sorted(rules int) []record {
	l.close()
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
	l.blocks, l.n = nil, 0
	var done sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		done.Go(func() {
			for i := worker; i < len(ends)-1; i += workers {
				slices.SortFunc(all[ends[i]:ends[i+1]], func(a, b record) int { return a.compare(&b) })
			}
		})
	}
	done.Wait()
	return all
}

func bucket(r *record) int { return int(r.rule)<<bucketBits | int(r.key>>(64-bucketBits)) }

// compare orders the records of the same rule: by key and moment. At equal moments rows that give
// their moment come first, reinstatements before revocations, and then the others in the order of
// the source.
func (r *record) compare(o *record) int {
	switch {
	case r.key != o.key:
		return cmp.Compare(r.key, o.key)
	case r.moment != o.moment:
		return cmp.Compare(r.moment, o.moment)
	case r.kind&undated != o.kind&undated:
		return cmp.Compare(r.kind&undated, o.kind&undated)
	}
	if !r.kind.is(undated) {
		return cmp.Or(cmp.Compare(o.kind&reinstates, r.kind&reinstates), cmp.Compare(r.seq, o.seq))
	}
	return cmp.Compare(r.seq, o.seq)
}
