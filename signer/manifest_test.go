package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func testManifest() *Manifest {
	sum := bytes.Repeat([]byte{0xab}, 32)
	return &Manifest{
		Issuer: "https://issuer.example", IssuedAt: 1_700_000_000, Expires: 1_700_003_600,
		Version: 42, Previous: Digest([]byte("41")), Format: ManifestFormat,
		Salt:   []byte("0123456789abcdef"),
		Rules:  []Rule{{1, []string{"jti"}}, {2, []string{"client_id", "sub"}}, {7, nil}},
		Policy: Policy{MaxTokenLife: 86400, Skew: 60, Granularity: 60},
		State:  State{Changed: 42, Changes: 40, Count: 3, Checksum: sum, SHA256: sum, Dropped: 1_699_999_000, Permanent: 1},
		Objects: []Object{
			{0, 42, 40, 100, 200, sum, sum},
			{41, 42, 1, 10, 20, sum, nil},
		},
		Read:   1_699_999_990,
		Ledger: &Ledger{From: 41, To: 42, Size: 300, Raw: 400, SHA256: sum, Whole: sum},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	k := testKey(t, EdDSA)
	m := testManifest()
	one, err := k.SignManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := k.SignManifest(testManifest())
	if !bytes.Equal(one, two) {
		t.Error("the same manifest signed twice gives different bytes")
	}
	if !reflect.DeepEqual(m, testManifest()) {
		t.Error("SignManifest changed the manifest")
	}
	got, err := k.Public().VerifyManifest(one)
	if err != nil {
		t.Fatal(err)
	}
	m.Rules[2].Claims = []string{}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	again, err := k.SignManifest(got)
	if err != nil || !bytes.Equal(again, one) {
		t.Error("a manifest that was read is not written as it was", err)
	}
	if want := "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"; Digest(nil) != want {
		t.Errorf("Digest(nil) = %s, want %s", Digest(nil), want)
	}
	first := &Manifest{Issuer: "i", Expires: 1, Version: 1, Format: ManifestFormat, Salt: m.Salt, Policy: Policy{MaxTokenLife: 1}, State: State{Checksum: make([]byte, 32), SHA256: make([]byte, 32)}}
	empty, err := k.SignManifest(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Public().VerifyManifest(empty); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		ManifestName(42):                 "versions/000000000042/manifest.jwt",
		ObjectName(0, 42, []byte{0xab}):  "versions/000000000042/snapshot-ab.crl.zst",
		ObjectName(34, 42, []byte{0xab}): "versions/000000000042/delta-000000000034-ab.crl.zst",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	many := make([]Object, 65)
	for i := range many {
		many[i] = testManifest().Objects[0]
	}
	for text, breakIt := range map[string]func(*Manifest){
		"iss is not":                  func(m *Manifest) { m.Issuer = "" },
		"1 to 1024":                   func(m *Manifest) { m.Issuer = strings.Repeat("i", 1025) },
		"exp 1700000000 is not after": func(m *Manifest) { m.Expires = m.IssuedAt },
		"after iat -1":                func(m *Manifest) { m.IssuedAt = -1 },
		"exp 253402300800":            func(m *Manifest) { m.Expires = maxTime + 1 },
		"ver is 0":                    func(m *Manifest) { m.Version = 0 },
		"ver is 1000000000000":        func(m *Manifest) { m.Version = MaxVersion + 1 },
		"version 1 has a prev":        func(m *Manifest) { m.Version = 1 },
		"prev of version 42":          func(m *Manifest) { m.Previous = "" },
		"prev of version 42 ":         func(m *Manifest) { m.Previous = m.Previous[:42] + "\n" + m.Previous[42:] },
		"fmt is 4":                    func(m *Manifest) { m.Format = 4 },
		"crit names":                  func(m *Manifest) { m.Critical = []string{"new"} },
		"salt has 15":                 func(m *Manifest) { m.Salt = m.Salt[1:] },
		"not 1 to 255":                func(m *Manifest) { m.Rules[0].ID = 0 },
		"ascending order (at 1)":      func(m *Manifest) { m.Rules[1].ID = 1 },
		"alphabetical":                func(m *Manifest) { m.Rules[1].Claims = []string{"sub", "client_id"} },
		`at "sub"`:                    func(m *Manifest) { m.Rules[1].Claims = []string{"sub", "sub"} },
		"match the same":              func(m *Manifest) { m.Rules[1].Claims = m.Rules[0].Claims },
		"1 to 64 bytes":               func(m *Manifest) { m.Rules[0].Claims = []string{strings.Repeat("c", 65)} },
		"has 9 claims":                func(m *Manifest) { m.Rules[0].Claims = strings.Split("abcdefghi", "") },
		"a claim name":                func(m *Manifest) { m.Rules[0].Claims = []string{""} },
		"max_token_life is 0":         func(m *Manifest) { m.Policy.MaxTokenLife = 0 },
		"policy has -1":               func(m *Manifest) { m.Policy.Skew = -1 },
		"policy has 999999999999":     func(m *Manifest) { m.Policy.MaxAuthAge = 999999999999 },
		"state.changed is 43":         func(m *Manifest) { m.State.Changed = 43 },
		"list's last change is 41":    func(m *Manifest) { m.State.Changed = 41 },
		"permanent is 4 of 3":         func(m *Manifest) { m.State.Permanent = 4 },
		"state.count":                 func(m *Manifest) { m.State.Count = 1 << 53 },
		"sha256 have 31 ":             func(m *Manifest) { m.State.Checksum = m.State.Checksum[1:] },
		"state.dropped":               func(m *Manifest) { m.State.Dropped = -1 },
		"65 objects":                  func(m *Manifest) { m.Objects = many },
		"stands there twice":          func(m *Manifest) { m.Objects = many[:2] },
		"object 1 goes from 42 to 42": func(m *Manifest) { m.Objects[0].From = 42 },
		"the sizes 0":                 func(m *Manifest) { m.Objects[0].Size = 0 },
		"and 8589934593":              func(m *Manifest) { m.Objects[0].RawSize = 8<<30 + 1 },
		"SHA-256 that":                func(m *Manifest) { m.Objects[0].SHA256 = nil },
		"checksum of 0 bytes":         func(m *Manifest) { m.Objects[0].Checksum = nil },
		"checksum of 32 bytes":        func(m *Manifest) { m.Objects[1].Checksum = m.Objects[0].Checksum },
		"sha256 have 32 and 0":        func(m *Manifest) { m.State.SHA256 = Bytes{} },
		"sums up 0 changes":           func(m *Manifest) { m.Objects[0].Changes = 0 },
		"sums up 41 changes":          func(m *Manifest) { m.Objects[0].Changes = 41 },
		"state.changes is 43":         func(m *Manifest) { m.State.Changes = 43 },
		"read is -1":                  func(m *Manifest) { m.Read = -1 },
		"ledger goes from 42 to 42":   func(m *Manifest) { m.Ledger.From = 42 },
		"ledger goes from 41 to 43":   func(m *Manifest) { m.Ledger.To = 43 },
		"ledger has the sizes 0":      func(m *Manifest) { m.Ledger.Size = 0 },
		"and 8589934594":              func(m *Manifest) { m.Ledger.Raw = 8<<30 + 2 },
		"ledger.whole have 31":        func(m *Manifest) { m.Ledger.SHA256 = m.Ledger.SHA256[1:] },
		"have 32 and 1 bytes":         func(m *Manifest) { m.Ledger.Whole = Bytes{1} },
	} {
		t.Run(text, func(t *testing.T) {
			m := testManifest()
			breakIt(m)
			jwt, err := testKey(t, EdDSA).SignManifest(m)
			if err == nil || jwt != nil || !strings.Contains(err.Error(), strings.TrimSpace(text)) {
				t.Fatalf("error %v", err)
			}
			// A publisher that does not check must fare no better with the reader.
			claims, err := json.Marshal(m)
			if err != nil {
				return // a cursor that is not JSON cannot be written at all
			}
			if _, err := verifyClaims(t, string(claims)); !isTyped(err) {
				t.Errorf("the reader says %v", err)
			}
		})
	}
}

func isTyped(err error) bool {
	return errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnknownCritical) || errors.Is(err, ErrUnsupportedFormat)
}

// verifyClaims signs any claims as a manifest and reads it.
func verifyClaims(t testing.TB, claims string) (*Manifest, error) {
	t.Helper()
	k := testKey(t, EdDSA)
	jwt, err := k.signCompact(manifestType, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public().VerifyManifest(jwt)
}

func TestManifestJSON(t *testing.T) {
	m := testManifest()
	m.Rules[2].Claims = []string{}
	good, _ := json.Marshal(m)
	sum := strictBase64.EncodeToString(m.State.Checksum)
	replace := func(old, new string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("the manifest has no %s: %s", old, good)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	for _, test := range []struct {
		name, claims string
		want         error
		text         string
	}{
		{"good", string(good), nil, ""},
		{"unknown claims", replace(`{`, `{"new":{"a":[1e999,null]},"jti":"x",`), nil, ""},
		{"unknown critical claim", replace(`{`, `{"new":1,"crit":["new"],`), ErrUnknownCritical, `["new"]`},
		{"crit empty", replace(`{`, `{"crit":[],`), ErrUnknownCritical, ""},
		{"crit before all else", `{"crit":["new"]}`, ErrUnknownCritical, ""},
		{"newer format with other types", `{"iss":1,"iat":1,"exp":1,"ver":"x","fmt":4,"salt":1,"rules":1,"policy":1,"state":1,"objects":1,"read":1}`, ErrUnsupportedFormat, "upgrade"},
		{"fmt a string", replace(`"fmt":3`, `"fmt":"3"`), ErrMalformed, "integer"},
		{"claim twice", replace(`"ver":42`, `"ver":42,"ver":42`), ErrMalformed, "twice"},
		{"claim twice, escaped", replace(`"ver":42`, `"ver":42,"v\u0065r":43`), ErrMalformed, "twice"},
		{"member twice", replace(`"id":1`, `"id":1,"id":2`), ErrMalformed, "twice"},
		{"ledger member twice", replace(`"from":41`, `"from":41,"from":41`), ErrMalformed, "twice"},
		{"ledger null", replace(`"ledger":{`, `"ledger":null,"old":{`), ErrMalformed, "null"},
		{"no read", replace(`"read":1699999990,`, ``), ErrMalformed, "no read"},
		{"letter case", replace(`"ver":42`, `"ver":42,"VER":43`), ErrMalformed, `"VER" is written "ver"`},
		{"letter case below", replace(`"skew":60`, `"skew":60,"\u017Fkew":7`), ErrMalformed, "is written"},
		{"no state.sha256", replace(`"permanent":1,"sha256":"`+sum+`"`, `"permanent":1`), nil, ""},
		{"state.sha256 null", replace(`"permanent":1,"sha256":"`+sum+`"`, `"permanent":1,"sha256":null`), ErrMalformed, "base64url"},
		{"object an object", replace(`[41,42,1,10,20,"`+sum+`"]`, `{"from":41}`), ErrMalformed, "array"},
		{"object null", replace(`[41,42,1,10,20,"`+sum+`"]`, `null`), ErrMalformed, "has 0"},
		{"object cut", replace(`[41,42,1,10,20,"`+sum+`"]`, `[41,42,1,10,20]`), ErrMalformed, "has 5"},
		{"object with a null", replace(`[41,42,1,10,20,"`+sum+`"]`, `[41,42,null,10,20,"`+sum+`"]`), ErrMalformed, "no number"},
		{"object too long", replace(`[41,42,1,10,20,"`+sum+`"]`, `[41,42,1,10,20,"`+sum+`","`+sum+`",1]`), ErrMalformed, "has 8"},
		{"snapshot without checksum", replace(`200,"`+sum+`","`+sum+`"]`, `200,"`+sum+`"]`), ErrMalformed, "has 6"},
		{"no iat", replace(`"iat":1700000000,`, ``), ErrMalformed, "no iat"},
		{"null rules", replace(`"rules":[`, `"rules":null,"old":[`), ErrMalformed, "null"},
		{"null prev", strings.Replace(string(good), `"prev":"`+m.Previous+`"`, `"prev":null`, 1), ErrMalformed, "null"},
		{"rule without claims", replace(`,"claims":["jti"]`, ``), ErrMalformed, "no claims"},
		{"rule with null claims", replace(`"claims":["jti"]`, `"claims":null`), ErrMalformed, "no claims"},
		{"rule id 256", replace(`"id":1`, `"id":256`), ErrMalformed, ""},
		{"rule id 257", replace(`"id":1`, `"id":257`), ErrMalformed, ""},
		{"fraction", replace(`"iat":1700000000`, `"iat":1700000000.5`), ErrMalformed, ""},
		{"exponent", replace(`"ver":42`, `"ver":42e0`), ErrMalformed, ""},
		{"negative version", replace(`"ver":42`, `"ver":-42`), ErrMalformed, ""},
		{"beyond int64", replace(`"iat":1700000000`, `"iat":99999999999999999999`), ErrMalformed, ""},
		{"slack bits", replace(`"salt":"MDEyMzQ1Njc4OWFiY2RlZg"`, `"salt":"MDEyMzQ1Njc4OWFiY2RlZh"`), ErrMalformed, "base64url"},
		{"padding", replace(`"salt":"MDEyMzQ1Njc4OWFiY2RlZg"`, `"salt":"MDEyMzQ1Njc4OWFiY2RlZg=="`), ErrMalformed, "base64url"},
		{"salt a number", replace(`"salt":"MDEyMzQ1Njc4OWFiY2RlZg"`, `"salt":7`), ErrMalformed, "base64url"},
		{"salt null", replace(`"salt":"MDEyMzQ1Njc4OWFiY2RlZg"`, `"salt":null`), ErrMalformed, "null"},
		{"trailing data", string(good) + `{}`, ErrMalformed, "one JSON value"},
		{"truncated", string(good[:len(good)-1]), ErrMalformed, ""},
		{"not UTF-8", replace(`issuer.example`, "issuer\xff"), ErrMalformed, "UTF-8"},
		{"deep", replace(`{`, `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,`), ErrMalformed, "deep"},
		{"array", `[]`, ErrMalformed, ""},
		{"null", `null`, ErrMalformed, "no iss"},
		{"empty", ``, ErrMalformed, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := verifyClaims(t, test.claims)
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.want, test.text)
		})
	}
}

func TestManifestType(t *testing.T) {
	k := testKey(t, EdDSA)
	claims, _ := json.Marshal(testManifest())
	claims = bytes.Replace(claims, []byte("null"), []byte("[]"), 1)
	for typ, ok := range map[string]bool{
		"revocation-manifest+jwt":             true,
		"Revocation-Manifest+JWT":             true,
		"application/revocation-manifest+jwt": true,
		"APPLICATION/revocation-manifest+jwt": true,
		"":                                    false,
		"JWT":                                 false,
		"revocation-manifest":                 false,
		"text/revocation-manifest+jwt":        false,
		" revocation-manifest+jwt":            false,
	} {
		jwt, err := k.signCompact(typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Public().VerifyManifest(jwt)
		if ok && err != nil || !ok && !errors.Is(err, ErrType) {
			t.Errorf("typ %q: %v", typ, err)
		}
	}
}

func TestManifestSize(t *testing.T) {
	m := testManifest()
	m.Rules = nil
	for i := range 255 {
		m.Rules = append(m.Rules, Rule{uint8(i + 1), []string{fmt.Sprintf("%064d", i), fmt.Sprintf("%064d", i+1), fmt.Sprintf("%064d", i+2)}})
	}
	_, err := testKey(t, EdDSA).SignManifest(m)
	wantError(t, err, ErrMalformed, "fewer")
	_, err = testKey(t, EdDSA).Public().VerifyManifest(make([]byte, MaxManifestSize+1))
	wantError(t, err, ErrMalformed, "65537")
}

func FuzzVerifyManifest(f *testing.F) {
	m := testManifest()
	m.Rules[2].Claims = []string{}
	good, _ := json.Marshal(m)
	f.Add(string(good))
	f.Add(`{"crit":["x"]}`)
	f.Add(`{"fmt":4}`)
	k := testKey(f, EdDSA)
	f.Fuzz(func(t *testing.T, claims string) {
		m, err := verifyClaims(t, claims)
		if err != nil {
			if len(claims) < 1000 && !isTyped(err) {
				t.Fatalf("the error %v is of no known kind", err)
			}
			return
		}
		jwt, err := k.SignManifest(m)
		if err != nil {
			if strings.Contains(err.Error(), "fewer") || strings.Contains(err.Error(), "cursor") {
				return // escaping < and > takes more room than they did
			}
			t.Fatal(err)
		}
		again, err := k.Public().VerifyManifest(jwt)
		if err != nil {
			t.Fatal(err)
		}
		jwt2, err := k.SignManifest(again)
		if err != nil || !bytes.Equal(jwt, jwt2) {
			t.Fatal("writing is not stable", err)
		}
	})
}
