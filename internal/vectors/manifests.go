package vectors

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"math/big"
	"strings"

	"github.com/revocast/revocast/signer"
)

// manifest is one JWT against keys/publisher.jwks.
type manifest struct {
	Why     string          `json:"why"`
	JWT     string          `json:"jwt"`
	Claims  json.RawMessage `json:"claims,omitempty"`  // of one that is accepted
	Refused string          `json:"refused,omitempty"` // why
}

// base is a manifest that says a bit of everything.
func base() *signer.Manifest {
	some := func(b byte) []byte { return []byte(strings.Repeat(string(rune(b)), 32)) }
	return &signer.Manifest{
		Issuer: "https://issuer.example", IssuedAt: moment, Expires: moment + 3600, Version: 42, Previous: signer.Digest([]byte("the manifest before")),
		Format: signer.ManifestFormat, Salt: vectorSalt[:],
		Rules:   []signer.Rule{{ID: 1, Claims: []string{"jti"}}, {ID: 2, Claims: []string{"client_id", "sub"}}, {ID: 3, Claims: []string{}}},
		Policy:  signer.Policy{MaxTokenLife: 86400, MaxAuthAge: 2592000, Skew: 300, Granularity: 3600},
		State:   signer.State{Changed: 41, Changes: 30, Count: 1000, Checksum: some('c'), Dropped: moment - 3900, Permanent: 2, SHA256: some('s')},
		Objects: []signer.Object{{From: 0, To: 40, Changes: 29, Size: 6000, RawSize: 6500, SHA256: some('o'), Checksum: some('k')}, {From: 40, To: 41, Changes: 1, Size: 100, RawSize: 200, SHA256: some('d')}},
		Read:    moment - 1,
		Ledger:  &signer.Ledger{From: 41, To: 42, Size: 300, Raw: 400, SHA256: some('l'), Whole: some('w')},
	}
}

func (s *set) manifests() error {
	before := map[string]manifest{}
	if data, err := fs.ReadFile(s.old, "manifests.json"); err == nil {
		var old []manifest
		if err := json.Unmarshal(data, &old); err != nil {
			return err
		}
		for _, m := range old {
			before[m.Why] = m
		}
	}
	var all []manifest
	for _, alg := range signer.Algorithms() {
		why := "signed with " + string(alg)
		signed, err := s.keys[alg].SignManifest(base())
		if err != nil {
			return err
		}
		claims, err := payload(string(signed))
		if err != nil {
			return err
		}
		jwt := string(signed)
		// A signature that is good for the same claims need not be made anew.
		if old, ok := before[why]; ok {
			if _, err := s.all.VerifyManifest([]byte(old.JWT)); err == nil && cutSignature(old.JWT) == cutSignature(jwt) {
				jwt = old.JWT
			}
		}
		all = append(all, manifest{Why: why, JWT: jwt, Claims: claims})
	}
	broken := s.brokenManifests(strings.Split(all[0].JWT, "."))
	broken = append(broken, secondForm(all[1], elliptic.P256()), secondForm(all[2], elliptic.P384()))
	for _, test := range broken {
		if _, err := s.all.VerifyManifest([]byte(test.JWT)); err != nil {
			test.Refused = err.Error()
		} else if test.Claims, err = payload(test.JWT); err != nil {
			return err
		}
		all = append(all, test)
	}
	return s.json("manifests.json", all)
}

func cutSignature(jwt string) string { return jwt[:strings.LastIndexByte(jwt, '.')] }

func payload(jwt string) (json.RawMessage, error) {
	return base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
}

const goodHeader = `{"alg":"EdDSA","kid":"vector-EdDSA","typ":"revocation-manifest+jwt"}`

// brokenManifests are variations of the parts of a good one. All are signed, so
// that the signature is not what is wrong unless it says so.
func (s *set) brokenManifests(good []string) []manifest {
	claims, _ := base64.RawURLEncoding.DecodeString(good[1])
	encode := base64.RawURLEncoding.EncodeToString
	sign := func(header, claims string) string {
		input := encode([]byte(header)) + "." + encode([]byte(claims))
		return input + "." + encode(s.signEdDSA(input))
	}
	header := func(h string) string { return sign(h, string(claims)) }
	claim := func(old, new string) string {
		changed := strings.Replace(string(claims), old, new, 1)
		if changed == string(claims) {
			panic("the manifest has no " + old)
		}
		return sign(goodHeader, changed)
	}
	slack := good[2][:len(good[2])-1] + string(nextCharacter(good[2][len(good[2])-1]))
	return []manifest{
		{Why: "typ in another case, with application/", JWT: header(`{"alg":"EdDSA","kid":"vector-EdDSA","typ":"application/Revocation-Manifest+JWT"}`)},
		{Why: "no kid: every key is tried", JWT: header(`{"alg":"EdDSA","typ":"revocation-manifest+jwt"}`)},
		{Why: "a claim that nobody knows is ignored", JWT: claim(`{"iss"`, `{"x-new":{"a":[1]},"iss"`)},
		{Why: "no bytes", JWT: ""},
		{Why: "two parts", JWT: good[0] + "." + good[1]},
		{Why: "four parts", JWT: strings.Join(good, ".") + "."},
		{Why: "a line break behind it", JWT: strings.Join(good, ".") + "\n"},
		{Why: "padding", JWT: strings.Join(good, ".") + "=="},
		{Why: "unused bits of the signature's last character", JWT: good[0] + "." + good[1] + "." + slack},
		{Why: "no signature", JWT: good[0] + "." + good[1] + "."},
		{Why: "another signature", JWT: good[0] + "." + good[1] + "." + encode(make([]byte, 64))},
		{Why: "alg none", JWT: encode([]byte(`{"alg":"none","typ":"revocation-manifest+jwt"}`)) + "." + good[1] + "."},
		{Why: "alg HS256, with a public key as the secret", JWT: header(`{"alg":"HS256","kid":"vector-RS256","typ":"revocation-manifest+jwt"}`)},
		{Why: "alg of another key", JWT: header(`{"alg":"RS256","kid":"vector-EdDSA","typ":"revocation-manifest+jwt"}`)},
		{Why: "a kid that is not in the set", JWT: header(`{"alg":"EdDSA","kid":"nobody","typ":"revocation-manifest+jwt"}`)},
		{Why: "a key in the header counts for nothing", JWT: header(`{"alg":"EdDSA","kid":"nobody","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"},"typ":"revocation-manifest+jwt"}`)},
		{Why: "no typ", JWT: header(`{"alg":"EdDSA","kid":"vector-EdDSA"}`)},
		{Why: "typ JWT", JWT: header(`{"alg":"EdDSA","kid":"vector-EdDSA","typ":"JWT"}`)},
		{Why: "crit in the header", JWT: header(`{"alg":"EdDSA","kid":"vector-EdDSA","typ":"revocation-manifest+jwt","crit":["exp"],"exp":1}`)},
		{Why: "alg twice in the header", JWT: header(`{"alg":"none","alg":"EdDSA","kid":"vector-EdDSA","typ":"revocation-manifest+jwt"}`)},
		{Why: "crit in the claims", JWT: claim(`{"iss"`, `{"crit":["x-new"],"x-new":1,"iss"`)},
		{Why: "fmt 2", JWT: claim(`"fmt":3`, `"fmt":2`)},
		{Why: "fmt 4", JWT: claim(`"fmt":3`, `"fmt":4`)},
		{Why: "a claim twice", JWT: claim(`{"iss"`, `{"ver":1,"iss"`)},
		{Why: "a claim in another letter case", JWT: claim(`"ver"`, `"Ver"`)},
		{Why: "no iss", JWT: claim(`"iss":"https://issuer.example",`, ``)},
		{Why: "an empty iss", JWT: claim(`"https://issuer.example"`, `""`)},
		{Why: "exp not after iat", JWT: claim(`"exp":1800003600`, `"exp":1800000000`)},
		{Why: "iat after the year 9999", JWT: claim(`"iat":1800000000`, `"iat":253402300800`)},
		{Why: "iat with a fraction", JWT: claim(`"iat":1800000000`, `"iat":1800000000.5`)},
		{Why: "version 0", JWT: claim(`"ver":42`, `"ver":0`)},
		{Why: "version 1 with a prev", JWT: claim(`"ver":42`, `"ver":1`)},
		{Why: "no prev", JWT: claim(`"prev"`, `"x-prev"`)},
		{Why: "salt of 15 bytes", JWT: claim(`"AAECAwQFBgcICQoLDA0ODw"`, `"AAECAwQFBgcICQoLDA0O"`)},
		{Why: "rules null", JWT: claim(`"rules":[`, `"rules":null,"x":[`)},
		{Why: "rule 0", JWT: claim(`"id":1`, `"id":0`)},
		{Why: "rule 256", JWT: claim(`"id":3`, `"id":256`)},
		{Why: "rules that do not ascend", JWT: claim(`"id":1`, `"id":2`)},
		{Why: "claims of a rule that do not ascend", JWT: claim(`["client_id","sub"]`, `["sub","client_id"]`)},
		{Why: "the same rule twice", JWT: claim(`["client_id","sub"]`, `["jti"]`)},
		{Why: "max_token_life 0", JWT: claim(`"max_token_life":86400`, `"max_token_life":0`)},
		{Why: "changed after the version", JWT: claim(`"changed":41`, `"changed":43`)},
		{Why: "a checksum of 31 bytes", JWT: claim(`"checksum":"Y2Nj`, `"checksum":"`)},
		{Why: "an object that leads beyond changed", JWT: claim(`[40,41,1,`, `[40,42,1,`)},
		{Why: "an object that leads nowhere", JWT: claim(`[40,41,1,`, `[41,41,1,`)},
		{Why: "an object of no bytes", JWT: claim(`[40,41,1,100,`, `[40,41,1,0,`)},
		{Why: "an object of more than 8 GiB", JWT: claim(`[40,41,1,100,200,`, `[40,41,1,100,8589934593,`)},
		{Why: "an object of five fields", JWT: claim(`[40,41,1,100,200,`, `[40,41,1,100,`)},
		{Why: "a delta with a checksum", JWT: claim(`"]],"read"`, `","`+encode([]byte(strings.Repeat("k", 32)))+`"]],"read"`)},
		{Why: "a snapshot without a checksum", JWT: claim(`,"`+encode([]byte(strings.Repeat("k", 32)))+`"]`, `]`)},
		{Why: "no state.sha256: the entries were not written out", JWT: claim(`,"sha256":"`+encode([]byte(strings.Repeat("s", 32)))+`"`, ``)},
		{Why: "state.sha256 null", JWT: claim(`"sha256":"`+encode([]byte(strings.Repeat("s", 32)))+`"`, `"sha256":null`)},
		{Why: "no read", JWT: claim(`"read"`, `"x-read"`)},
		{Why: "no ledger: the version has none", JWT: claim(`"ledger"`, `"x-ledger"`)},
		{Why: "a ledger that leads nowhere", JWT: claim(`"ledger":{"from":41`, `"ledger":{"from":42`)},
		{Why: "a ledger that leads beyond the version", JWT: claim(`"from":41,"to":42`, `"from":41,"to":43`)},
		{Why: "a ledger of no bytes", JWT: claim(`"to":42,"size":300`, `"to":42,"size":0`)},
		{Why: "a ledger with a hash of 29 bytes", JWT: claim(`"sha256":"bGxs`, `"sha256":"`)},
		{Why: "nothing but null", JWT: sign(goodHeader, "null")},
		{Why: "something behind the claims", JWT: sign(goodHeader, string(claims)+"{}")},
		{Why: "no UTF-8", JWT: claim("issuer.example", "issuer\xff.example")},
		{Why: "more than 64 KiB", JWT: claim(`{"iss"`, `{"x":"`+strings.Repeat("x", 64<<10)+`","iss"`)},
	}
}

// secondForm is a manifest with the other signature that is as good to ECDSA.
func secondForm(m manifest, curve elliptic.Curve) manifest {
	dot := strings.LastIndex(m.JWT, ".")
	signature, err := base64.RawURLEncoding.DecodeString(m.JWT[dot+1:])
	if err != nil {
		panic(err) // it was accepted
	}
	s := signature[len(signature)/2:]
	new(big.Int).Sub(curve.Params().N, new(big.Int).SetBytes(s)).FillBytes(s)
	return manifest{Why: m.Why + ", n-s in the place of s", JWT: m.JWT[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)}
}

// signEdDSA signs what the product would refuse to sign.
func (s *set) signEdDSA(input string) []byte {
	signature, err := s.raw.Sign(nil, []byte(input), crypto.Hash(0))
	if err != nil {
		panic(err) // Ed25519 does not fail
	}
	return signature
}

// nextCharacter is the one after c in base64url's order, which differs in the lowest bit.
func nextCharacter(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}
