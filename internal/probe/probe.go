// Package probe finds out by trying whether a store does what a list needs of it.
//
// Documentation says what a provider means to offer; a commit rests on what the store at
// this address does today, through the proxies and with the rights at hand. Everything
// is tried under a prefix of its own that no list uses, doctor/ and a random name, and
// removed again as far as the rights allow.
package probe

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/revocast/revocast/store"
)

// A Grade is how a probe ended.
type Grade string

// The grades. A Warning is worth a look, and publishing is safe; after a Fail it
// is unsafe or impossible.
const (
	OK      Grade = "ok"
	Warning Grade = "warning"
	Fail    Grade = "fail"
)

// A Finding is what one probe found: a sentence that says what is, and, unless
// that is fine, what to do.
type Finding struct {
	Probe string `json:"probe"`
	Grade Grade  `json:"grade"`
	Text  string `json:"text"`
}

// Folder is where a trial writes, under a random name: no reader looks there. What stays of one
// that was killed may be deleted.
const Folder = "doctor/"

// A Trial tries one store. It is for one goroutine.
type Trial struct {
	Store store.Store
	Now   func() time.Time
	// Skew is by how much the store's clock may differ.
	Skew time.Duration
	// Directory tells that the store is one: rights are those of files, and who may
	// write may delete.
	Directory bool

	prefix string   // doctor/, a random name, and a slash
	names  []string // what was written and may still be there
	wrote  bool     // something was, for certain
}

// New gives a trial under a random name.
func New(s store.Store, now func() time.Time, random io.Reader, skew time.Duration) (*Trial, error) {
	var name [8]byte
	if _, err := io.ReadFull(random, name[:]); err != nil {
		return nil, fmt.Errorf("no randomness for a name: %w", err)
	}
	return &Trial{Store: s, Now: now, Skew: skew, prefix: Folder + hex.EncodeToString(name[:]) + "/"}, nil
}

// Run tries everything, and tells report of each probe as it ends. If nothing can be
// written or read the others are left out.
func (t *Trial) Run(ctx context.Context, report func(Finding)) {
	defer func() {
		if removed := t.remove(ctx); t.wrote {
			report(removed)
		}
	}()
	for _, p := range []struct {
		name   string
		try    func(context.Context) (Grade, string)
		needed bool // by all that follow
	}{
		{"write", t.write, true},
		{"read", t.read, true},
		{"unchanged", t.unchanged, false},
		{"create", t.create, false},
		{"race", t.race, false},
		{"overwrite", t.overwrite, false},
		{"missing", t.missing, false},
		{"listing", t.list, false},
		{"clock", t.clock, false},
	} {
		grade, text := p.try(ctx)
		report(Finding{p.name, grade, text})
		if p.needed && grade == Fail || ctx.Err() != nil {
			return
		}
	}
}

// name gives the full name of an object of the trial, to be removed later.
func (t *Trial) name(s string) string {
	name := t.prefix + s
	t.names = append(t.names, name)
	return name
}

// either gives what is to be said of a bucket, or of a directory.
func (t *Trial) either(bucket, directory string) string {
	if t.Directory {
		return directory
	}
	return bucket
}

const (
	limit   = 1 << 10
	subject = "subject" // written by the first probe, and read by others
)

var first = []byte("first")

func (t *Trial) write(ctx context.Context) (Grade, string) {
	err := t.Store.Create(ctx, t.name(subject), first)
	if errors.Is(err, store.ErrExists) {
		// After a reply that was lost on the way, and a retry, it is our own.
		if obj, getErr := t.Store.Get(ctx, t.prefix+subject, limit, ""); getErr == nil && bytes.Equal(obj.Data, first) {
			err = nil
		}
	}
	t.wrote = err == nil || t.Store.Put(ctx, t.name("plain"), first) == nil
	switch {
	case err == nil:
		return OK, "an object can be created"
	case t.wrote:
		return Fail, fmt.Sprintf("%s, without which two publishers would overwrite each other's versions; do not publish here: %v", t.either(
			"the store takes plain writes but no conditional ones (If-None-Match: *)", "files can be written there, but not so that one that is there is never replaced"), err)
	}
	return Fail, fmt.Sprintf("nothing can be written; %s: %v", t.either("publishers need the right to (s3:PutObject)", "the publisher's user needs the right to, and the disk has to have space"), err)
}

func (t *Trial) read(ctx context.Context) (Grade, string) {
	obj, err := t.Store.Get(ctx, t.prefix+subject, limit, "")
	switch {
	case err != nil:
		return Fail, fmt.Sprintf("what was created cannot be read back; publishers and readers need the right to read%s: %v", t.either(" (s3:GetObject)", ""), err)
	case !bytes.Equal(obj.Data, first):
		return Fail, fmt.Sprintf("what was created reads back as other bytes (%d of them, not %d): the store, or a proxy before it, changes objects", len(obj.Data), len(first))
	}
	return OK, "it reads back as it was written"
}

func (t *Trial) unchanged(ctx context.Context) (Grade, string) {
	obj, err := t.Store.Get(ctx, t.prefix+subject, limit, "")
	if err != nil {
		return Fail, fmt.Sprintf("an object could not be read a second time: %v", err)
	}
	if obj.ETag == "" {
		return Warning, "there is no ETag, so every poll of a reader costs a whole manifest; look for a proxy that drops it"
	}
	if _, err = t.Store.Get(ctx, t.prefix+subject, limit, obj.ETag); !errors.Is(err, store.ErrNotModified) {
		return Warning, fmt.Sprintf("an object that has not changed is sent again in spite of If-None-Match, so every poll of a reader costs a whole manifest (%v)", err)
	}
	return OK, "an object that has not changed is not sent again (ETag and If-None-Match)"
}

// overwrites are how often a new value is read right after it was written.
const overwrites = 8

func (t *Trial) overwrite(ctx context.Context) (Grade, string) {
	name := t.name("overwrite")
	for i := range overwrites {
		data := []byte(fmt.Sprint("value ", i))
		if err := t.Store.Put(ctx, name, data); err != nil {
			return Fail, fmt.Sprintf("an object cannot be overwritten, and latest.jwt has to be (is there %s?): %v", t.either("a retention rule, or no right to write", "space on the disk"), err)
		}
		obj, err := t.Store.Get(ctx, name, limit, "")
		if err != nil {
			return Fail, fmt.Sprintf("an object could not be read right after it was overwritten: %v", err)
		}
		if !bytes.Equal(obj.Data, data) {
			return Fail, "right after an object was overwritten the old one was read: the store, or a cache before it, is not consistent, and a publisher would take an old version for the newest; give publishers the store's own endpoint"
		}
	}
	return OK, fmt.Sprintf("a read right after a write gives what was written (%d of %d)", overwrites, overwrites)
}

func (t *Trial) missing(ctx context.Context) (Grade, string) {
	_, err := t.Store.Get(ctx, t.prefix+"missing", limit, "")
	switch {
	case errors.Is(err, store.ErrNotFound):
		return OK, "an object that is not there is answered with “not found”"
	case err == nil:
		return Fail, "an object that nobody wrote can be read: a proxy before the store answers for it"
	}
	return Fail, fmt.Sprintf("an object that is not there gives an error other than “not found”, so no publisher and no reader can tell where the list ends; grant the right to list the bucket (s3:ListBucket on the bucket itself), without which S3 says 403: %v", err)
}

func (t *Trial) list(ctx context.Context) (Grade, string) {
	infos, err := t.Store.List(ctx, t.prefix, t.prefix) // as publishing lists later versions
	if err != nil {
		return Fail, fmt.Sprintf("objects cannot be listed, and publishing lists whether later versions exist; %s: %v", t.either("grant s3:ListBucket", "give publishers the right to read all folders of the list"), err)
	}
	if _, err := t.Store.List(ctx, "", ""); err != nil {
		return Warning, fmt.Sprintf("not all objects can be listed, which verifier verify and gc need; %s: %v", t.either("grant s3:ListBucket", "give who runs them the right to read all folders there, and move away what is not the list's"), err)
	}
	for _, info := range infos {
		if info.Name == t.prefix+subject {
			return OK, "what was written is listed"
		}
	}
	return Warning, "an object that was just written is not listed: listings lag behind; publishing may overlook that a version is missing, and do not trust gc with it"
}

func (t *Trial) clock(ctx context.Context) (Grade, string) {
	name := t.name("clock")
	before := t.Now()
	if err := t.Store.Put(ctx, name, nil); err != nil {
		return Warning, fmt.Sprintf("the store's clock could not be read: %v", err)
	}
	after := t.Now()
	infos, err := t.Store.List(ctx, name, "")
	if err != nil || len(infos) != 1 {
		return Warning, "the store's clock cannot be seen without listing"
	}
	// S3 tells whole seconds only.
	at := infos[0].ModTime
	off := max(before.Sub(at)-time.Second, at.Sub(after)-time.Second, 0)
	if off > t.Skew {
		return Fail, fmt.Sprintf("this machine says %s and the store %s: set the clock of the one that is wrong; they may differ by %s, and entries would end too early or lists be stale",
			after.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), t.Skew)
	}
	return OK, fmt.Sprintf("this machine's clock and the store's agree to within %s", max(off, time.Second).Round(time.Second))
}

// remove takes away what the trial wrote.
func (t *Trial) remove(ctx context.Context) Finding {
	ctx = context.WithoutCancel(ctx)
	for _, name := range t.names {
		if err := t.Store.Delete(ctx, name); err != nil {
			return Finding{"delete", OK, fmt.Sprintf("what was tried out cannot be deleted and stays, up to %d small objects under %s that no reader looks at; publishers need no right to delete, so this is as it should be: %v", len(t.names), t.prefix, err)}
		}
		if _, err := t.Store.Get(ctx, name, limit, ""); err == nil {
			return Finding{"delete", Warning, "an object that was deleted can still be read: " + name}
		}
	}
	if t.Directory {
		return Finding{"delete", OK, "what was tried out is removed"}
	}
	return Finding{"delete", Warning, "what was tried out is removed, so these credentials may delete; publishers need not: take s3:DeleteObject from them, and leave it to gc"}
}
