// Checks what wmark hands out with somebody else's code: golang.org/x/mod/sumdb/note and tlog.
//
//	go_verify KEY checkpoint FILE...          each file is a signed checkpoint
//	go_verify KEY opens FILE...               the same, and nothing else is tried
//	go_verify KEY bundles FILE                one bundle after the other, each begins with its first line
//	go_verify KEY consistency FILE            the same, for proofs of a prefix
//
// Every file is accepted as it is and refused with anything changed. The last line says how many of
// both there were; anything unexpected ends the program with 1.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	bundleLine      = "c2sp.org/tlog-proof@v1\n"
	consistencyLine = "witnessmark/consistency-proof@v1\n"
)

var accepted, refused int

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// expect counts a verdict and stops at a wrong one.
func expect(what string, err error, wanted bool) {
	if (err == nil) != wanted {
		fail("%s: wanted valid=%v, found %v", what, wanted, err)
	}
	if wanted {
		accepted++
	} else {
		refused++
	}
}

// checkpoint opens a note and reads size and root.
func checkpoint(text []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return tlog.Tree{}, errors.New("no root")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		bytes, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(bytes) != sha256.Size {
			return nil, errors.New("no hash")
		}
		var hash tlog.Hash
		copy(hash[:], bytes)
		found = append(found, hash)
	}
	return found, nil
}

type bundle struct {
	header []byte
	index  int64
	proof  tlog.RecordProof
	tree   tlog.Tree
}

func (b bundle) check() error {
	return tlog.CheckRecord(b.proof, b.tree.N, b.tree.Hash, b.index, tlog.RecordHash(b.header))
}

// readBundle takes a bundle apart with nothing but the text of the specification.
func readBundle(text string, verifier note.Verifier) (bundle, error) {
	head, signed, found := strings.Cut(strings.TrimPrefix(text, bundleLine), "\n\n")
	if !found {
		return bundle{}, errors.New("no empty line")
	}
	tree, err := checkpoint([]byte(signed), verifier)
	if err != nil {
		return bundle{}, err
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "extra ") {
		return bundle{}, errors.New("no extra")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[0], "extra "))
	if err != nil {
		return bundle{}, err
	}
	var entry struct {
		Header string `json:"header"`
	}
	if err := json.Unmarshal(extra, &entry); err != nil {
		return bundle{}, err
	}
	header, err := hex.DecodeString(entry.Header)
	if err != nil || len(header) != 108 {
		return bundle{}, errors.New("no header of 108 bytes")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return bundle{}, err
	}
	proof, err := hashes(lines[2:])
	return bundle{header, index, proof, tree}, err
}

func flipped(hash tlog.Hash, bit int) tlog.Hash {
	hash[bit/8] ^= 1 << (bit % 8)
	return hash
}

// changedProofs gives the proof with each of its hashes changed, removed, and given twice.
func changedProofs(proof []tlog.Hash) [][]tlog.Hash {
	var all [][]tlog.Hash
	with := func(from []tlog.Hash, more ...tlog.Hash) []tlog.Hash {
		return append(append([]tlog.Hash{}, from...), more...)
	}
	for at := range proof {
		changed := with(proof)
		changed[at] = flipped(changed[at], at%256)
		all = append(all, changed)
		all = append(all, with(proof[:at], proof[at+1:]...))
		all = append(all, with(with(proof[:at+1], proof[at]), proof[at+1:]...))
	}
	return append(all, with(proof, tlog.Hash{}))
}

func checkBundles(text string, verifier note.Verifier) {
	for _, part := range strings.Split(text, bundleLine)[1:] {
		read, err := readBundle(part, verifier)
		if err != nil {
			fail("bundle: %v\n%s", err, part)
		}
		what := fmt.Sprintf("entry %d of %d", read.index, read.tree.N)
		expect(what, read.check(), true)
		for _, proof := range changedProofs(read.proof) {
			changed := read
			changed.proof = proof
			expect(what+", changed proof", changed.check(), false)
		}
		changed := read
		changed.header = append([]byte{}, read.header...)
		changed.header[len(changed.header)/2] ^= 1
		expect(what+", changed header", changed.check(), false)
		if read.tree.N > 1 {
			changed = read
			changed.index ^= 1
			if changed.index < read.tree.N {
				expect(what+", another index", changed.check(), false)
			}
		}
		changed = read
		changed.tree.Hash = flipped(read.tree.Hash, 7)
		expect(what+", another root", changed.check(), false)
	}
}

func checkConsistency(text string, verifier note.Verifier) {
	for _, part := range strings.Split(text, consistencyLine)[1:] {
		head, signed, found := strings.Cut(part, "\n\n")
		tree, err := checkpoint([]byte(signed), verifier)
		if !found || err != nil {
			fail("consistency: %v\n%s", err, part)
		}
		lines := strings.Split(head, "\n")
		old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
		if err != nil {
			fail("consistency: %v\n%s", err, part)
		}
		all, err := hashes(lines[1:])
		if err != nil || len(all) == 0 {
			fail("consistency: %v\n%s", err, part)
		}
		root, proof := all[0], all[1:]
		what := fmt.Sprintf("%d in %d", old, tree.N)
		expect(what, tlog.CheckTree(proof, tree.N, tree.Hash, old, root), true)
		for _, changed := range changedProofs(proof) {
			expect(what+", changed proof", tlog.CheckTree(changed, tree.N, tree.Hash, old, root), false)
		}
		expect(what+", old root", tlog.CheckTree(proof, tree.N, tree.Hash, old, flipped(root, 9)), false)
		expect(what+", new root", tlog.CheckTree(proof, tree.N, flipped(tree.Hash, 9), old, root), false)
	}
}

func checkCheckpoint(name string, text []byte, verifier note.Verifier) {
	_, err := checkpoint(text, verifier)
	expect(name, err, true)
	for at := range text {
		changed := append([]byte{}, text...)
		changed[at] ^= 1 << (at % 7)
		_, err := checkpoint(changed, verifier)
		if err == nil && at == len(text)-3 {
			continue // Go's base64 does not look at the unused bits of its last letter.
		}
		expect(fmt.Sprintf("%s, byte %d", name, at), err, false)
	}
}

func main() {
	if len(os.Args) < 4 {
		fail("usage: go_verify KEY checkpoint|bundles|consistency FILE...")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	if err != nil {
		fail("the verifier key: %v", err)
	}
	for _, name := range os.Args[3:] {
		text, err := os.ReadFile(name)
		if err != nil {
			fail("%v", err)
		}
		switch os.Args[2] {
		case "opens":
			_, err := checkpoint(text, verifier)
			expect(name, err, true)
			continue
		case "checkpoint":
			checkCheckpoint(name, text, verifier)
		case "bundles":
			checkBundles(string(text), verifier)
		case "consistency":
			checkConsistency(string(text), verifier)
		default:
			fail("unknown: %s", os.Args[2])
		}
	}
	fmt.Printf("%s: %d accepted, %d changed ones refused\n", os.Args[2], accepted, refused)
	if accepted == 0 || (refused == 0 && os.Args[2] != "opens") {
		os.Exit(1)
	}
}
