package vectors

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/revocast/revocast/crl"
)

// fingerprint is one vector: the values of a rule's claims, and what becomes of them.
type fingerprint struct {
	Salt        string            `json:"salt"`
	Rule        uint8             `json:"rule"`
	Claims      []string          `json:"claims"`
	Values      []json.RawMessage `json:"values"`
	Preimage    string            `json:"preimage,omitempty"`
	Fingerprint string            `json:"fingerprint,omitempty"`
	Refused     string            `json:"refused,omitempty"` // why
}

var vectorSalt = crl.Salt{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func (s *set) fingerprints() error {
	var all []fingerprint
	for _, test := range []struct {
		rule   uint8
		claims string
		values string // a JSON array
	}{
		{1, "jti", `["4c3c5ed2-0d9a-4b0e-9a43-7d1c1c1f7a55"]`},
		{2, "jti", `["4c3c5ed2-0d9a-4b0e-9a43-7d1c1c1f7a55"]`},
		{1, "jti", `[""]`},
		{3, "client_id,sub", `["app","alice"]`},
		{3, "client_id,sub", `["appa","lice"]`},
		{4, "", `[]`},
		{255, "sub", `["Ωμέγα 😀"]`},
		{5, "tenant", `[42]`},
		{5, "tenant", `["42"]`},
		{5, "tenant", `[-7]`},
		{5, "tenant", `[1e3]`},
		{5, "tenant", `[42.0]`},
		{5, "tenant", `[9007199254740993]`},
		{5, "tenant", `[9007199254740991.0]`},
		{5, "tenant", `[-9007199254740991.0]`},
		{5, "tenant", `[-0]`},
		{6, "sid", `["` + strings.Repeat("x", 127) + `"]`},
		{6, "sid", `["` + strings.Repeat("x", 128) + `"]`},
		{6, "sid", `["` + strings.Repeat("x", crl.MaxClaimLength) + `"]`},
		{6, "sid", `["` + strings.Repeat("x", crl.MaxClaimLength+1) + `"]`},
		{5, "tenant", `[42.5]`},
		{5, "tenant", `[9007199254740992.0]`},
		{5, "tenant", `[9007199254740993.0]`},
		{5, "tenant", `[true]`},
		{5, "tenant", `[["42"]]`},
		{5, "tenant", `[{"id":42}]`},
		{5, "tenant", `[1e400]`},
	} {
		v := fingerprint{Salt: hex.EncodeToString(vectorSalt[:]), Rule: test.rule, Claims: []string{}}
		if test.claims != "" {
			v.Claims = strings.Split(test.claims, ",")
		}
		if err := json.Unmarshal([]byte(test.values), &v.Values); err != nil {
			return err
		}
		v.compute()
		all = append(all, v)
	}
	return s.json("fingerprints.json", all)
}

// compute fills in the preimage, by the specification's words, and the fingerprint, by
// the product.
func (v *fingerprint) compute() {
	salt, _ := hex.DecodeString(v.Salt)
	preimage := append(slices.Clone(salt), v.Rule)
	var p crl.Preimage
	p.Reset((*crl.Salt)(salt), v.Rule)
	for _, raw := range v.Values {
		var value any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			v.Refused = err.Error()
			return
		}
		text, err := crl.AppendClaim(nil, value)
		if err == nil {
			err = p.Add(value)
		}
		if err != nil {
			v.Refused = err.Error()
			return
		}
		for n := len(text); ; n >>= 7 {
			if n < 128 {
				preimage = append(preimage, byte(n))
				break
			}
			preimage = append(preimage, byte(n&127|128))
		}
		preimage = append(preimage, text...)
	}
	v.Preimage = hex.EncodeToString(preimage)
	v.Fingerprint = fmt.Sprintf("%016x", p.Fingerprint())
}
