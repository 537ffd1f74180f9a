package main

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"runtime"
	"time"

	"github.com/FastFilter/xorfilter"
	"github.com/bits-and-blooms/bloom/v3"

	"github.com/revocast/revocast/crl"
)

// alternatives measures what people would use instead, on as many entries.
func (b *bench) alternatives() {
	n := int(min(b.scale, 1e7))
	b.log("alternatives, %d entries", n)
	b.packed(n)
	b.maps(n)
	b.filters(n)
	b.certificates(min(n/10, 1_000_000))
	b.statusList(n)
	b.servers()
}

// heap is the bytes an entry that make leaves on the heap.
func heap(n int, make func()) string {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return fmt.Sprintf("%.1f", float64(after.HeapAlloc-before.HeapAlloc)/float64(n))
}

// ask is the nanoseconds of a lookup, each after the other: of keys that are
// there, mix(0) to mix(n-1), and of others. What answers with a bool alone lets the
// processor guess it, so these are lower bounds.
func ask(n int, find func(uint64) bool) (hit, miss string) {
	each := func(first uint64) string {
		s := timed(5, func() {
			x := uint64(1)
			for range 200_000 {
				x = mix(x)
				if find(mix(first+x>>32*uint64(n)>>32)) != (first == 0) {
					x++
				}
			}
		})
		return fmt.Sprintf("%.0f ns", s.median()/200_000*1e9)
	}
	return each(0), each(1 << 50)
}

func (b *bench) packed(n int) {
	entries := make([]crl.Entry, n)
	for i := range entries {
		entries[i] = crl.Entry{Rule: 1, Key: mix(uint64(i)), Before: crl.Always, Exp: 3600 * int64(480_000+i%24)}
	}
	f, err := crl.Build(0, 1, entries, nil)
	check(err)
	list, err := crl.NewList(f, crl.Checksum{})
	check(err)
	entries = nil
	hit, miss := ask(n, func(key uint64) bool { _, ok := list.Find(1, key); return ok })
	b.peers = append(b.peers, peer{"Revocast, keys and 24 expiries", fmt.Sprintf("%.1f", float64(list.Size())/float64(n)), hit, miss, "on the wire as in memory; exact but for 64-bit hashes, can be merged, listed and proved"})
}

func (b *bench) maps(n int) {
	var keys map[uint64]struct{}
	bytes := heap(n, func() {
		keys = make(map[uint64]struct{}, n)
		for i := range n {
			keys[mix(uint64(i))] = struct{}{}
		}
	})
	hit, miss := ask(n, func(key uint64) bool { _, ok := keys[key]; return ok })
	b.peers = append(b.peers, peer{"Go map[uint64]struct{}", bytes, hit, miss, "without expiries"})
	runtime.KeepAlive(keys)
	keys = nil
	m := min(n, 2_000_000)
	var ids map[string]struct{}
	bytes = heap(m, func() {
		ids = make(map[string]struct{}, m)
		for i := range m {
			ids[id('j', uint64(i))] = struct{}{}
		}
	})
	collect := timed(5, runtime.GC)
	asked := make([]string, 1<<17)
	for i := range asked {
		asked[i] = id('j', mix(uint64(i))%uint64(m))
	}
	look := timed(5, func() {
		for _, a := range asked {
			if _, ok := ids[a]; !ok {
				panic("lost")
			}
		}
	})
	b.peers = append(b.peers, peer{fmt.Sprintf("Go map[string]struct{}, UUIDs, %d", m), bytes, fmt.Sprintf("%.0f ns", look.median()/float64(len(asked))*1e9), "", fmt.Sprintf("without expiries; a collection takes %.0f ms", 1e3*collect.median())})
	runtime.KeepAlive(ids)
}

func (b *bench) filters(n int) {
	filter := bloom.NewWithEstimates(uint(n), 1e-12)
	key := make([]byte, 8)
	for i := range n {
		binary.LittleEndian.PutUint64(key, mix(uint64(i)))
		filter.Add(key)
	}
	hit, miss := ask(n, func(k uint64) bool {
		binary.LittleEndian.PutUint64(key, k)
		return filter.Test(key)
	})
	b.peers = append(b.peers, peer{"Bloom filter, 1e-12 (bits-and-blooms)", fmt.Sprintf("%.1f", float64(filter.Cap())/8/float64(n)), hit, miss, "no expiries; cannot be merged down, listed or audited"})
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = mix(uint64(i))
	}
	fuse, err := xorfilter.NewBinaryFuse[uint32](keys)
	check(err)
	hit, miss = ask(n, fuse.Contains)
	b.peers = append(b.peers, peer{"binary fuse filter, 32 bits", fmt.Sprintf("%.1f", 4*float64(len(fuse.Fingerprints))/float64(n)), hit, miss, "refuses one good token in 4·10⁹; cannot be changed, merged, listed or audited"})
}

// certificates is a revocation list as X.509 has it.
func (b *bench) certificates(n int) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}, IsCA: true, BasicConstraintsValid: true}
	entries := make([]x509.RevocationListEntry, n)
	serial := func(i uint64) *big.Int {
		return new(big.Int).SetBytes(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{1}, mix(i)), mix(i+1<<40)))
	}
	for i := range entries {
		entries[i] = x509.RevocationListEntry{SerialNumber: serial(uint64(i)), RevocationTime: time.Now()}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour), RevokedCertificateEntries: entries}, issuer, crypto.Signer(key))
	check(err)
	var list *x509.RevocationList
	parse := timed(3, func() {
		list, err = x509.ParseRevocationList(der)
		check(err)
	})
	absent := serial(1 << 50)
	look := timed(3, func() {
		for i := range list.RevokedCertificateEntries {
			if list.RevokedCertificateEntries[i].SerialNumber.Cmp(absent) == 0 {
				panic("found")
			}
		}
	})
	b.peers = append(b.peers, peer{fmt.Sprintf("X.509 CRL (crypto/x509), %d", n), fmt.Sprintf("%.1f on the wire", float64(len(der))/float64(n)), "", fmt.Sprintf("%.1f ms", 1e3*look.median()),
		fmt.Sprintf("parsing takes %.0f ms; the lookup goes through all of it", 1e3*parse.median())})
}

// statusList is the bits of draft-ietf-oauth-status-list: one for each token that was issued.
func (b *bench) statusList(n int) {
	for _, revoked := range []int{100, 1000} {
		issued := min(n*revoked, 200_000_000)
		list := make([]byte, issued/8)
		for i := range issued / revoked {
			at := mix(uint64(i)) % uint64(issued)
			list[at/8] |= 1 << (at % 8)
		}
		var packed bytes.Buffer
		w, err := zlib.NewWriterLevel(&packed, zlib.BestCompression)
		check(err)
		_, err = w.Write(list)
		check(err)
		check(w.Close())
		b.peers = append(b.peers, peer{fmt.Sprintf("IETF status list, one in %d revoked", revoked),
			fmt.Sprintf("%.1f on the wire, %.1f in memory", float64(packed.Len())/float64(issued/revoked), float64(revoked)/8), "", "", "tokens carry an index; nothing but single tokens can be revoked; no deltas"})
	}
}
