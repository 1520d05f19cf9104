package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// reserveBytes are some two thousand frames: enough to write down how the
	// failure that filled the disk was mended.
	reserveBytes = 1 << 20
	reserveName  = "reserve"
	damagedMark  = ".damaged"
	// keepDamaged bounds the segments kept aside: one is evidence, ten are a
	// disk that somebody should have replaced.
	keepDamaged = 4
)

func segmentName(number uint64) string { return fmt.Sprintf("%06d.log", number) }

// numberOf reads a segment's number from its name, or from that of a segment
// kept aside.
func numberOf(name string) (number uint64, damaged, ok bool) {
	digits, rest, found := strings.Cut(name, ".log")
	if !found || rest != "" && !strings.HasPrefix(rest, damagedMark) {
		return 0, false, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, rest != "", err == nil
}

// segmentsIn lists the numbers of a directory's segments, oldest first, the
// names of those kept aside, and the highest number of either.
func segmentsIn(dir string) (numbers []uint64, damaged []string, highest uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, entry := range entries {
		number, aside, ok := numberOf(entry.Name())
		if !ok {
			continue
		}
		highest = max(highest, number)
		if aside {
			damaged = append(damaged, entry.Name())
			continue
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	slices.SortFunc(damaged, func(a, b string) int { return cmp.Compare(asideOrder(a), asideOrder(b)) })
	return numbers, damaged, highest, nil
}

func asideOrder(name string) uint64 {
	number, _, _ := numberOf(name)
	return number
}

// prune lets go of history beyond the bound, oldest first. The newest segment
// and the one before it stay whatever they weigh: the second is what is left if
// the first is damaged.
func (j *Journal) prune() {
	j.known.Lock()
	segments := slices.Clone(j.known.segments)
	j.known.Unlock()
	var total int64
	for _, s := range segments {
		total += s.size
	}
	gone := 0
	for ; total > j.keep && len(segments)-gone > 2; gone++ {
		err := j.disk.remove(filepath.Join(j.dir, segmentName(segments[gone].number)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // it will be tried again at the next cut
		}
		total -= segments[gone].size
	}
	j.known.Lock()
	j.known.segments = segments[gone:]
	j.known.Unlock()
	if _, damaged, _, err := segmentsIn(j.dir); err == nil && len(damaged) > keepDamaged {
		for _, name := range damaged[:len(damaged)-keepDamaged] {
			j.disk.remove(filepath.Join(j.dir, name))
		}
	}
}

// layReserve puts space aside for a full disk, if there is space.
func (j *Journal) layReserve() {
	path := filepath.Join(j.dir, reserveName)
	laid := false
	if at, err := os.Stat(path); err == nil && at.Size() == reserveBytes {
		laid = true
	} else if f, err := j.disk.create(path + ".new"); err == nil {
		err = j.disk.allocate(f, reserveBytes)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = j.disk.rename(path+".new", path)
		}
		if laid = err == nil; !laid {
			j.disk.remove(path + ".new")
		}
	}
	j.setReserve(laid)
}

// spendReserve gives the space back to the disk, and says whether there was any.
func (j *Journal) spendReserve() bool {
	err := j.disk.remove(filepath.Join(j.dir, reserveName))
	j.setReserve(err != nil && !errors.Is(err, fs.ErrNotExist))
	return err == nil
}

func (j *Journal) setReserve(there bool) {
	j.known.Lock()
	defer j.known.Unlock()
	j.known.health.Reserve = there
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
