package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"holdfast"
)

// A person is whom a service runs as, and where that user is at home.
type person struct {
	user holdfast.ProcessUser
	home string
}

// resolve finds whom "web", "1000", "web:staff" or "1000:1000" means on this
// machine; nil for nobody in particular. A number need not be known here: then
// the group is the same number, and home is /.
func resolve(written string) (*person, error) {
	if written == "" {
		return nil, nil
	}
	who, group, grouped := strings.Cut(written, ":")
	p := &person{user: holdfast.ProcessUser{Name: who}, home: "/"}
	known, err := lookUp(who)
	switch number, notNumber := strconv.Atoi(who); {
	case err == nil:
		p.user.Name, p.home = known.Username, known.HomeDir
		p.user.UID, _ = strconv.Atoi(known.Uid)
		p.user.GID, _ = strconv.Atoi(known.Gid)
	case notNumber == nil:
		p.user.UID, p.user.GID = number, number
	default:
		return nil, fmt.Errorf("user %s: this machine has no such user: add it (useradd --system %s), or correct it in the file", who, who)
	}
	if err = nil; grouped {
		p.user.GID, err = groupNumber(group)
	} else if known != nil {
		p.user.Groups = supplementary(known)
	}
	if err == nil {
		err = p.allowed()
	}
	return p, err
}

func lookUp(who string) (*user.User, error) {
	if _, err := strconv.Atoi(who); err == nil {
		return user.LookupId(who)
	}
	return user.Lookup(who)
}

func groupNumber(group string) (int, error) {
	if number, err := strconv.Atoi(group); err == nil {
		return number, nil
	}
	known, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("user: this machine has no group %s: add it (groupadd --system %s), or correct it in the file", group, group)
	}
	return strconv.Atoi(known.Gid)
}

// supplementary are the groups a user is in; none when that cannot be told.
func supplementary(known *user.User) []int {
	ids, err := known.GroupIds()
	if err != nil {
		return nil
	}
	var groups []int
	for _, id := range ids {
		if number, err := strconv.Atoi(id); err == nil {
			groups = append(groups, number)
		}
	}
	return groups
}

// allowed says why we may not start a process as somebody, or nil: only root
// may, and everybody as themselves.
func (p *person) allowed() error {
	if os.Geteuid() == 0 || p.user.UID == os.Getuid() && p.user.GID == os.Getgid() {
		return nil
	}
	return fmt.Errorf("user %s: only root may start a process as another user, and holdfast runs as uid %d: run it as root, or remove `user`", p.user.Name, os.Getuid())
}

// owner is the user and the group a directory belongs to.
func owner(dir string) (uid, gid int, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, err
	}
	return ownerOf(info)
}

func ownerOf(info fs.FileInfo) (uid, gid int, err error) {
	on, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, errors.New("its owner cannot be told")
	}
	return int(on.Uid), int(on.Gid), nil
}

// settleIn makes a directory a user's own, with what an incarnation under another
// user left in it, and opens the way to it: others may pass through the state
// directory then, and still not list it.
func (d *Driver) settleIn(dir string, who holdfast.ProcessUser) error {
	for _, way := range append([]string{d.state, filepath.Dir(dir)}, d.above...) {
		if err := os.Chmod(way, 0o711); err != nil {
			return err
		}
	}
	uid, gid, err := owner(dir)
	if err != nil || uid == who.UID && gid == who.GID {
		return err
	}
	tree, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer tree.Close()
	return handOver(tree, uid, who)
}

// handOver gives what one user has in a tree to another. The old one may still
// be at work in it, against us: no link is followed out of it, and what was not
// theirs, such as a file of root's that they made a name for, stays whose it is.
// The tree itself comes last, so that what was cut short is begun anew.
func handOver(tree *os.Root, from int, to holdfast.ProcessUser) error {
	err := fs.WalkDir(tree.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if uid, _, err := ownerOf(info); err != nil || uid != from {
			return err
		}
		return tree.Lchown(path, to.UID, to.GID)
	})
	if err != nil {
		return err
	}
	return tree.Chown(".", to.UID, to.GID)
}
