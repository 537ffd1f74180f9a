// Package signer holds the keys of a list, the manifests they sign and the
// verification of both. It does no I/O and knows no clock: whether a manifest is
// stale is for the caller to say. What follows is the specification that another
// implementation works from.
//
// # Key files
//
// A private key file is one JSON Web Key (RFC 7517) with these members:
//
//	kty, crv, x, y, n, e, d, p, q …  as RFC 7518 section 6 and RFC 8037 say
//	alg  one of EdDSA, ES256, ES384, PS256, RS256. It may be left out where the
//	     curve decides: EdDSA for Ed25519, ES256 for P-256, ES384 for P-384
//	kid  the key's id, at most 256 bytes of printable UTF-8; without it the
//	     key's RFC 7638 SHA-256 thumbprint in unpadded base64url
//	use  "sig", or left out; key_ops, if there, names "sign"
//
// A public key file is a JWK Set, at most 1 MiB with at most 64 keys, or one
// public JWK. Several keys may be valid at once; a key is withdrawn by removing
// it from the file. Each kid stands in a set once. Keys that are not for
// signatures, or for algorithms other than the five above, are passed over
// (RFC 7517 section 5), and a set in which nothing remains is refused. A
// set that holds a private or a symmetric key, a broken key or an RSA key of
// less than 2048 bits is refused as a whole, because somebody has to act on it.
// An RSA key has 2048 to 8192 bits.
//
// # Signatures
//
// Everything signed is a JWS in compact serialization (RFC 7515 section 7.1) of
// at most 1 MiB. The three parts are unpadded base64url without line breaks, and
// the unused bits of a part's last character are zero. The protected header is a
// JSON object; of it only alg, kid, typ and crit are looked at, so keys that a
// header brings along (jwk, jku, x5c, x5u) mean nothing. A header with crit is
// refused (RFC 7515 section 4.1.11), since this version understands no
// extension.
//
// The key decides the algorithm: kid picks the key, and alg must be one that the
// key permits: the one it states, else the one its curve implies, and for an RSA
// key that states none, RS256 and PS256. A JWS without kid is tried with every
// key of the set that permits its alg. "none" and HMAC are never accepted.
//
// An ECDSA signature (r, s) is as good as (r, n-s), n being the order of the curve. Of a
// manifest only the one with s at most n/2 is accepted, so that nobody but the
// key's holder can make a second manifest of a version. Who signs makes it so: devices
// give either.
//
// # Manifests
//
// A manifest is a JWT whose header has typ "revocation-manifest+jwt" (in any
// letter case, "application/" may precede it: RFC 7515 section 4.1.9), alg, and
// kid. It is at most 64 KiB. Times are Unix seconds up to
// 253402300799 (the end of the year 9999), bytes are unpadded base64url,
// versions go from 1 to 999999999999. The claims:
//
//	iss      string  the issuer whose tokens the list revokes; 1 to 1024 bytes
//	iat      int     when the manifest was made
//	exp      int     after iat: from this moment on the list is stale
//	ver      int     the list's version. Each has one manifest, for ever
//	prev     bytes   SHA-256 of the manifest of version ver-1, as stored (all
//	                 the bytes of the JWT); absent in version 1, and only there
//	fmt      int     3: this format, of the manifest and of its objects
//	salt     bytes   16, part of every fingerprint; the same in all versions
//	rules    array   {"id":1,"claims":["jti"]}, by ascending id, 1 to 255. The
//	                 claims are in byte order, each once, at most 8, 1 to 64 bytes
//	                 each; [] is the rule that matches every token. No two rules
//	                 are alike
//	policy   object  all in seconds: max_token_life (at least 1), max_auth_age
//	                 (0 or absent: no limit), skew, granularity (of expiries)
//	state    object  the list at this version:
//	                 changed    the last version in which an entry changed
//	                 changes    how many such versions there were so far
//	                 count      the number of entries
//	                 checksum   bytes, 32: the checksum of the entries
//	                 dropped    entries whose exp is not after this moment are gone
//	                 permanent  how many of the entries never end
//	                 sha256     bytes, 32: of the entries as a decompressed snapshot
//	                            from version 0 to "changed"; there is only one.
//	                            Absent in versions in which the publisher did
//	                            not write all entries out, but only what changed
//	objects  array   at most 64 files to reach version "changed" with. Each is an
//	                 array of, in this order,
//	                 from, to     the changes after version from, up to version to;
//	                              from 0 makes a snapshot; from < to <= changed
//	                 changes      how many versions with changes it sums up; for a
//	                              snapshot, all there were
//	                 size, raw    bytes as stored and decompressed, at most 8 GiB
//	                 sha256       bytes, 32: of the file as stored
//	                 checksum     bytes, 32: of a snapshot's entries; a delta's
//	                              array ends before it
//	read     int     when a source was last read
//	ledger   object  optional; the newest object of the publisher's ledger, which
//	                 readers do not need: from, to, size, raw and sha256 as in an
//	                 array of objects, and optionally whole, bytes, 32
//	crit     array   optional; names of claims that a reader must understand
//
// Claims without "optional" are required and never null. A reader ignores claims
// that it does not know, unless crit names them. This version defines
// no critical claim, so a manifest with crit is refused, and so is any fmt but 3;
// both are looked at before the other claims, whose meaning they may change.
//
// So that no two readers see different things in one manifest, its JSON is UTF-8,
// nests at most 32 deep, and has nothing behind the closing brace. No object has a
// member twice, or one that differs from a name given here in letter case alone.
//
// The names of stored files follow from what they are, so no manifest can point
// anywhere else; versions have twelve digits, so that names sort:
//
//	latest.jwt
//	versions/000000000042/manifest.jwt
//	versions/000000000042/snapshot-<hex of sha256>.crl.zst
//	versions/000000000042/delta-000000000041-<hex of sha256>.crl.zst
//
// where the directory is the object's to, and the delta's number its from.
package signer
