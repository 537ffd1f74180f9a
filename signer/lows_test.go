package signer

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"testing"
)

// high is a device that gives the second form of every signature.
type high struct {
	crypto.Signer
	order *big.Int
}

func (h high) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := h.Signer.Sign(r, digest, opts)
	if err != nil {
		return nil, err
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &parts); err != nil {
		return nil, err
	}
	if parts.S.Cmp(new(big.Int).Rsh(h.order, 1)) <= 0 {
		parts.S.Sub(h.order, parts.S)
	}
	return asn1.Marshal(parts)
}

// Whatever signs, a manifest has the first form, and of the second nobody takes it.
func TestTheSecondFormOfASignature(t *testing.T) {
	for _, alg := range []Algorithm{ES256, ES384} {
		inner := testKey(t, alg)
		device, err := NewPrivateKey("device", alg, high{inner.signer, order(alg)})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []*PrivateKey{inner, device, device, inner} {
			signed, err := key.SignManifest(testManifest())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := key.Public().VerifyManifest(signed); err != nil {
				t.Errorf("%s: %v", alg, err)
			}
			dot := bytes.LastIndexByte(signed, '.') + 1
			signature, err := decodeBase64(signed[dot:])
			if err != nil {
				t.Fatal(err)
			}
			s := sOf(signature)
			s.Sub(order(alg), s).FillBytes(signature[len(signature)/2:])
			other := strictBase64.AppendEncode(bytes.Clone(signed[:dot]), signature)
			if _, err := key.Public().VerifyManifest(other); !errors.Is(err, ErrBadSignature) {
				t.Errorf("%s: the second form gives %v", alg, err)
			}
			if _, _, err := key.Public().Verify(other); err != nil {
				t.Errorf("%s: the second form of another JWS gives %v", alg, err)
			}
		}
	}
}
