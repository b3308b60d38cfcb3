//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An OpenFile is a file descriptor of a process.
type OpenFile struct {
	FD       int
	Name     string  // a path, or the kernel's name of something else: "pipe:[42]"
	Regular  bool    // a regular file that still has a name
	Writable bool    // opened for writing
	Socket   *Socket // nil if it is not a TCP or UDP socket
}

// OpenFiles returns the open files of the process, ordered by file descriptor, without its
// standard input, output and error. After the process was reaped it returns os.ErrProcessDone.
func (p *Process) OpenFiles() ([]OpenFile, error) {
	p.mu.Lock() // until it is reaped, the pid is its own
	defer p.mu.Unlock()
	if p.reaped {
		return nil, os.ErrProcessDone
	}
	return openFiles(fmt.Sprintf("/proc/%d", p.pid))
}

// OpenFilesOf returns the same of a process that this package does not supervise.
func OpenFilesOf(pid int) ([]OpenFile, error) { return openFiles(fmt.Sprintf("/proc/%d", pid)) }

// openFiles reads the open files of the process whose folder in /proc is dir.
func openFiles(dir string) ([]OpenFile, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, err
	}
	var files []OpenFile
	var sockets map[string]Socket // read when the first socket is found
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		file, err := openFile(dir, fd)
		if err != nil {
			continue // it was closed meanwhile
		}
		if inode, ok := strings.CutPrefix(file.Name, "socket:["); ok {
			if sockets == nil {
				sockets = readSockets(filepath.Join(dir, "net"))
			}
			if s, ok := sockets[strings.TrimSuffix(inode, "]")]; ok {
				file.Socket = &s
			}
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b OpenFile) int { return a.FD - b.FD })
	return files, nil
}

// openFile reads one file descriptor, but not whether it is a socket.
func openFile(dir string, fd int) (OpenFile, error) {
	link := filepath.Join(dir, "fd", strconv.Itoa(fd))
	name, err := os.Readlink(link)
	if err != nil {
		return OpenFile{}, err
	}
	info, err := os.ReadFile(filepath.Join(dir, "fdinfo", strconv.Itoa(fd)))
	if err != nil {
		return OpenFile{}, err
	}
	var stat unix.Stat_t
	if err := unix.Stat(link, &stat); err != nil {
		return OpenFile{}, err
	}
	return OpenFile{
		FD:       fd,
		Name:     name,
		Regular:  stat.Mode&unix.S_IFMT == unix.S_IFREG && stat.Nlink > 0,
		Writable: openedForWriting(info),
	}, nil
}

// openedForWriting reads the access mode of a file from its fdinfo.
func openedForWriting(fdinfo []byte) bool {
	for line := range bytes.Lines(fdinfo) {
		if octal, ok := bytes.CutPrefix(line, []byte("flags:")); ok {
			flags, err := strconv.ParseUint(string(bytes.TrimSpace(octal)), 8, 64)
			return err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY
		}
	}
	return false
}
