package signer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

const (
	// MaxManifestSize is the most bytes that a manifest may have. Read no more
	// than that, and one, of what a store calls a manifest.
	MaxManifestSize = 64 << 10
	// MaxVersion is the last version that a list can have: names have 12 digits.
	MaxVersion = 999_999_999_999
	// ManifestFormat is the value of fmt that this package writes and reads.
	ManifestFormat = 3
	// LatestName is the name, under a list's prefix, of the copy of the newest
	// manifest. It is a hint: it may be old.
	LatestName = "latest.jwt"
)

// A Manifest is what the publisher states about one version of a list. The
// package documentation specifies each claim. All times are Unix seconds.
// [KeySet.VerifyManifest] gives one that is valid; treat it as read-only.
type Manifest struct {
	Issuer   string   `json:"iss"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"` // stale from this moment on
	Version  uint64   `json:"ver"`
	Previous string   `json:"prev,omitempty"` // Digest of the manifest of Version-1
	Format   int      `json:"fmt"`            // ManifestFormat
	Salt     Bytes    `json:"salt"`           // 16 bytes
	Rules    []Rule   `json:"rules"`          // by ascending ID
	Policy   Policy   `json:"policy"`
	State    State    `json:"state"`
	Objects  []Object `json:"objects"`
	Read     int64    `json:"read"`             // when a source was last read
	Ledger   *Ledger  `json:"ledger,omitempty"` // the publisher's record; readers do not need it
	Critical []string `json:"crit,omitempty"`   // always empty in this version
}

// A Ledger names the newest object of the ledger, in which the publisher records the decisions
// that it took after version From, up to version To. docs/FORMAT.md describes the object.
type Ledger struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Size   int64  `json:"size"`   // bytes as stored
	Raw    int64  `json:"raw"`    // bytes decompressed
	SHA256 Bytes  `json:"sha256"` // of the bytes as stored
	// Whole is the SHA-256 of the whole ledger as a snapshot, decompressed, in the versions in
	// which the publisher wrote it out; else nil.
	Whole Bytes `json:"whole,omitempty"`
}

// Name returns the name of the object under the prefix of its list.
func (l *Ledger) Name() string { return LedgerName(l.From, l.To, l.SHA256) }

// A Rule is the claims that entries under it match, in byte order; none match
// every token. Its ID is never used for another rule of the list.
type Rule struct {
	ID     uint8    `json:"id"`
	Claims []string `json:"claims"`
}

// Policy is the list's promises about tokens, in seconds.
type Policy struct {
	MaxTokenLife int64 `json:"max_token_life"`         // tokens that live longer are not covered
	MaxAuthAge   int64 `json:"max_auth_age,omitempty"` // since auth_time, else iat; 0: no limit
	Skew         int64 `json:"skew"`                   // by which clocks may differ
	Granularity  int64 `json:"granularity"`            // to which expiries are rounded up
}

// State describes the list's entries at the manifest's version.
type State struct {
	Changed   uint64 `json:"changed"`   // the last version in which an entry changed
	Changes   uint64 `json:"changes"`   // how many such versions there were so far
	Count     uint64 `json:"count"`     // of entries
	Checksum  Bytes  `json:"checksum"`  // 32 bytes
	Dropped   int64  `json:"dropped"`   // entries whose exp is not after this moment are gone
	Permanent uint64 `json:"permanent"` // entries that never end
	// SHA256 is the hash of the entries as a snapshot, decompressed, in the versions
	// in which the publisher wrote all of them out; else nil.
	SHA256 Bytes `json:"sha256,omitempty"`
}

// An Object is a stored file with the changes after version From, up to version
// To; with From 0 it is a snapshot. In JSON it is an array of its fields, in
// their order, because a manifest names many of them and is fetched often.
type Object struct {
	From     uint64
	To       uint64
	Changes  uint64 // how many versions with changes it sums up
	Size     int64  // bytes as stored
	RawSize  int64  // bytes decompressed
	SHA256   Bytes  // of the bytes as stored
	Checksum Bytes  // of a snapshot's entries, 32 bytes; a delta has none
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	fields := []any{o.From, o.To, o.Changes, o.Size, o.RawSize, o.SHA256, o.Checksum}
	if o.From != 0 {
		fields = fields[:len(fields)-1]
	}
	return json.Marshal(fields)
}

// UnmarshalJSON implements json.Unmarshaler. It takes an array with as many
// fields as the object has, and none of them null.
func (o *Object) UnmarshalJSON(data []byte) error {
	var values []json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		return errors.New("an object is an array")
	}
	if n := len(values); n != 7 && (n != 6 || string(values[0]) == "0") {
		return fmt.Errorf("an object is an array of 6 fields, or of 7 if it is a snapshot, and this one has %d", n)
	}
	var numbers [5]uint64
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseUint(string(values[i]), 10, 63); err != nil {
			return fmt.Errorf("field %d of an object is no number that it may be: %.20q", i+1, values[i])
		}
	}
	o.From, o.To, o.Changes = numbers[0], numbers[1], numbers[2]
	o.Size, o.RawSize = int64(numbers[3]), int64(numbers[4])
	if err := o.SHA256.UnmarshalJSON(values[5]); err != nil || len(values) == 6 {
		return err
	}
	return o.Checksum.UnmarshalJSON(values[6])
}

// Name returns the object's name, [ObjectName] of what it is. A manifest does not
// carry it, so no manifest can name anything else.
func (o Object) Name() string { return ObjectName(o.From, o.To, o.SHA256) }

// ManifestName returns the name, under a list's prefix, of the manifest of a version.
func ManifestName(version uint64) string {
	return fmt.Sprintf("versions/%012d/manifest.jwt", version)
}

// ObjectName returns the name, under a list's prefix, of the file with the
// changes after version from, up to version to, whose stored bytes have the given
// SHA-256.
func ObjectName(from, to uint64, sum []byte) string {
	if from == 0 {
		return fmt.Sprintf("versions/%012d/snapshot-%s.crl.zst", to, hex.EncodeToString(sum))
	}
	return fmt.Sprintf("versions/%012d/delta-%012d-%s.crl.zst", to, from, hex.EncodeToString(sum))
}

// LedgerName returns the name of an object of the ledger, under the prefix of a list. The object has
// the decisions after version from, up to version to. With from 0 it is a snapshot. sum is the
// SHA-256 of its stored bytes.
func LedgerName(from, to uint64, sum []byte) string {
	if from == 0 {
		return fmt.Sprintf("ledger/%012d-snapshot-%s.zst", to, hex.EncodeToString(sum))
	}
	return fmt.Sprintf("ledger/%012d-from-%012d-%s.zst", to, from, hex.EncodeToString(sum))
}

// Digest returns the SHA-256 of a manifest as stored, in unpadded base64url: what
// the next manifest's Previous is.
func Digest(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return strictBase64.EncodeToString(sum[:])
}

// Bytes are written in JSON as unpadded base64url, and read only if they are the
// one such encoding.
type Bytes []byte

// MarshalJSON implements json.Marshaler. It never fails.
func (b Bytes) MarshalJSON() ([]byte, error) {
	out := strictBase64.AppendEncode([]byte{'"'}, b)
	return append(out, '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler. Anything but a string of strict
// base64url is an error, null too.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	// The alphabet needs no escapes, so the text between the quotes is the string.
	if len(data) < 2 || data[0] != '"' {
		return errors.New("bytes are a string of unpadded base64url")
	}
	out, err := decodeBase64(data[1 : len(data)-1])
	if err != nil {
		return fmt.Errorf("bytes are unpadded base64url: %w", err)
	}
	*b = out
	return nil
}
