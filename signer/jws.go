package signer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

const maxCompactSize = 1 << 20

// strictBase64 insists that the unused bits of the last character are zero, so
// that one text has one encoding. It still skips line breaks: see decodeBase64.
var strictBase64 = base64.RawURLEncoding.Strict()

func decodeBase64(s []byte) ([]byte, error) {
	if bytes.ContainsAny(s, "\r\n") {
		return nil, errors.New("it has a line break in it")
	}
	return strictBase64.AppendDecode(nil, s)
}

// A Header is what of a JWS's protected header has been verified and matters
// (RFC 7515 section 4.1).
type Header struct {
	Algorithm Algorithm // alg: the one verified with
	KeyID     string    // kid, "" if the header has none
	Type      string    // typ as it stands, "" if the header has none
}

// Verify checks one compact JWS (RFC 7515 section 3.1) of at most 1 MiB, and
// returns its header and payload if a key of the set signed them, by the rules
// under "Signatures" in the package documentation. It says nothing about the
// claims in the payload, a token's expiry included. The error wraps
// [ErrMalformed], [ErrUnknownCritical], [ErrAlgorithm], [ErrUnknownKey] or
// [ErrBadSignature].
func (s *KeySet) Verify(compact []byte) (Header, []byte, error) {
	if len(compact) > maxCompactSize {
		return Header{}, nil, fmt.Errorf("%w: the JWS has %d bytes, and %d are the most", ErrMalformed, len(compact), maxCompactSize)
	}
	if n := bytes.Count(compact, []byte(".")); n != 2 {
		return Header{}, nil, fmt.Errorf("%w: a compact JWS has three parts with two dots between them, and this has %d dots", ErrMalformed, n)
	}
	end := bytes.LastIndexByte(compact, '.')
	input, tail := compact[:end], compact[end+1:]
	head, body, _ := bytes.Cut(input, []byte("."))

	headerJSON, err := decodeBase64(head)
	if err != nil {
		return Header{}, nil, fmt.Errorf("%w: the header is not strict base64url: %v", ErrMalformed, err)
	}
	header, err := parseHeader(headerJSON)
	if err != nil {
		return Header{}, nil, err
	}
	keys, err := s.candidates(header)
	if err != nil {
		return Header{}, nil, err
	}
	signature, err := decodeBase64(tail)
	if err != nil {
		return Header{}, nil, fmt.Errorf("%w: the signature is not strict base64url: %v", ErrMalformed, err)
	}
	payload, err := decodeBase64(body)
	if err != nil {
		return Header{}, nil, fmt.Errorf("%w: the payload is not strict base64url: %v", ErrMalformed, err)
	}
	for _, k := range keys {
		// input is the very bytes received, never an encoding of what they mean.
		if k.verify(header.Algorithm, input, signature) {
			return header, payload, nil
		}
	}
	if header.KeyID == "" {
		return Header{}, nil, fmt.Errorf("%w: none of the %d trusted keys for %s made it for these bytes", ErrBadSignature, len(keys), header.Algorithm)
	}
	return Header{}, nil, fmt.Errorf("%w: the key %q did not make it for these bytes", ErrBadSignature, header.KeyID)
}

func parseHeader(data []byte) (Header, error) {
	if err := checkJSON(data, nil); err != nil {
		return Header{}, fmt.Errorf("%w: the header cannot be read: %v", ErrMalformed, err)
	}
	// A map, because its keys are matched exactly: a struct would take "ALG" for alg.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return Header{}, fmt.Errorf("%w: the header is not a JSON object", ErrMalformed)
	}
	if crit, ok := members["crit"]; ok {
		return Header{}, fmt.Errorf("%w: the header's crit is %s, and this version understands no extension of JWS", ErrUnknownCritical, clip(string(crit)))
	}
	var alg string
	var h Header
	for name, to := range map[string]*string{"alg": &alg, "kid": &h.KeyID, "typ": &h.Type} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		if raw[0] != '"' || json.Unmarshal(raw, to) != nil {
			return Header{}, fmt.Errorf("%w: the header's %s is not a string", ErrMalformed, name)
		}
	}
	h.Algorithm = Algorithm(alg)
	return h, nil
}

// signCompact returns payload as a compact JWS of the type typ.
func (k *PrivateKey) signCompact(typ string, payload []byte) ([]byte, error) {
	header, err := json.Marshal(struct {
		Algorithm Algorithm `json:"alg"`
		KeyID     string    `json:"kid"`
		Type      string    `json:"typ"`
	}{k.Algorithm(), k.ID(), typ})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigning, err)
	}
	out := strictBase64.AppendEncode(nil, header)
	out = append(out, '.')
	out = strictBase64.AppendEncode(out, payload)
	signature, err := k.sign(out)
	if err != nil {
		return nil, err
	}
	out = append(out, '.')
	return strictBase64.AppendEncode(out, signature), nil
}
