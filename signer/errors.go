package signer

import "errors"

// What can be wrong with signed bytes or keys. Every error of this package wraps
// exactly one of these, to be told apart with errors.Is, and says the details
// in its text. ErrSigning wraps the cause as well.
var (
	// ErrMalformed: the bytes are not what the package documentation describes.
	ErrMalformed = errors.New("malformed")
	// ErrBadSignature: a known key did not make this signature, or not for
	// these bytes.
	ErrBadSignature = errors.New("the signature is not valid")
	// ErrUnknownKey: the header names a key that is not in the set.
	ErrUnknownKey = errors.New("not signed by a trusted key")
	// ErrAlgorithm: the algorithm is none that the key permits.
	ErrAlgorithm = errors.New("algorithm not acceptable")
	// ErrType: the JWS is genuine, but something else than a manifest.
	ErrType = errors.New("not a manifest")
	// ErrUnknownCritical: a crit header or claim asks for something that this
	// version does not know. A newer version may.
	ErrUnknownCritical = errors.New("unknown critical extension")
	// ErrUnsupportedFormat: the manifest's format is a newer one.
	ErrUnsupportedFormat = errors.New("unsupported format")
	// ErrBadKey: a key or key set cannot be used.
	ErrBadKey = errors.New("unusable key")
	// ErrSigning: the private key, or the device that holds it, failed to sign.
	ErrSigning = errors.New("signing failed")
)
