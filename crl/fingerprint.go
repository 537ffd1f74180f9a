package crl

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Salt is the 16 bytes that a list mixes into its fingerprints, made once when
// the list is created and public in its manifest.
type Salt [16]byte

// A Preimage collects what a fingerprint is the hash of. Its zero value is not
// ready: call Reset first. It is for one goroutine at a time; a value of this
// type on the stack costs no allocation.
type Preimage struct {
	buf [256]byte
	n   int
	// long takes over for the rare values that do not fit.
	long []byte
}

// Reset starts a fingerprint under the rule.
func (p *Preimage) Reset(salt *Salt, rule uint8) {
	p.long = nil
	p.n = copy(p.buf[:], salt[:])
	p.buf[p.n] = rule
	p.n++
}

// AddString adds the next of the rule's values.
func (p *Preimage) AddString(value string) {
	if p.long == nil && len(p.buf)-p.n >= binary.MaxVarintLen64+len(value) {
		p.n += binary.PutUvarint(p.buf[p.n:], uint64(len(value)))
		p.n += copy(p.buf[p.n:], value)
		return
	}
	p.spill()
	p.long = binary.AppendUvarint(p.long, uint64(len(value)))
	p.long = append(p.long, value...)
}

// Add adds the next of the rule's values, as [AppendClaim] writes it.
func (p *Preimage) Add(value any) error {
	if s, ok := value.(string); ok {
		if len(s) > MaxClaimLength {
			return ErrClaimLength
		}
		p.AddString(s)
		return nil
	}
	var digits [24]byte
	text, err := AppendClaim(digits[:0], value)
	if err != nil {
		return err
	}
	p.AddString(string(text))
	return nil
}

func (p *Preimage) spill() {
	if p.long == nil {
		p.long = append(make([]byte, 0, 2*MaxClaimLength), p.buf[:p.n]...)
	}
}

// Fingerprint is the key of the values added since Reset.
func (p *Preimage) Fingerprint() uint64 {
	b := p.buf[:p.n]
	if p.long != nil {
		b = p.long
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// Fingerprint is the key of an entry under the rule with the values of its
// claims, in the rule's order (DESIGN: salt ‖ rule id ‖ length-prefixed values).
func Fingerprint(salt Salt, rule Rule, values ...string) (uint64, error) {
	if len(values) != len(rule.Claims) {
		return 0, errors.New("a fingerprint takes one value for each claim of its rule")
	}
	var p Preimage
	p.Reset(&salt, rule.ID)
	for _, v := range values {
		if len(v) > MaxClaimLength {
			return 0, ErrClaimLength
		}
		p.AddString(v)
	}
	return p.Fingerprint(), nil
}
