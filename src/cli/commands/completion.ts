import { fail } from '#base'
import { command, type Command } from '../command.ts'
import { write } from '../output.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export const completion: Command = command({
  usage: 'SHELL',
  summary: 'Generate the autocompletion script for the specified shell (bash, zsh or fish)',
  options: {},
  min: 1,
  max: 1,
  completes: SHELLS,
  run: async (_, __, [shell]) => {
    const script = scripts[shell as keyof typeof scripts]
    if (!script) fail('invalid_argument', `no completion for ${JSON.stringify(shell)}`, { hint: SHELLS.join(', ') })
    write(1, script)
  },
})

// The scripts ask the program itself, so that names of containers and images complete too:
// it answers with one candidate a line, `word<TAB>description`, or `:file` for the shell's own.
const scripts = {
  bash: `# source <(cairn completion bash)
_cairn() {
  local line typed="\${COMP_LINE:0:COMP_POINT}" words current value i
  # Readline breaks words at colons and equals signs; names of images and flags have both.
  read -ra words <<< "$typed"
  [[ "$typed" == *[[:space:]] ]] && words+=('')
  current="\${words[-1]}" value="\${words[-1]##*=}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :file) compopt -o default 2>/dev/null; COMPREPLY+=($(compgen -f -- "$value")) ;;
      :directory) compopt -o dirnames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$value")) ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(cairn _complete -- "\${words[@]:1}" 2>/dev/null)
  # What is before the last break is on the line already.
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]="\${COMPREPLY[i]#"\${current%"\${current##*[:=]}"}"}"; done
}
complete -F _cairn cairn
`,
  zsh: `#compdef cairn
# source <(cairn completion zsh)
_cairn() {
  local line
  local -a candidates
  while IFS= read -r line; do
    case "$line" in
      :file) _files ;;
      :directory) _files -/ ;;
      *) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done < <(cairn _complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe -V cairn candidates
}
compdef _cairn cairn
`,
  fish: `# cairn completion fish | source
function __cairn_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (cairn _complete -- $words[2..] 2>/dev/null)
    switch $line
      case :file ':directory'
        __fish_complete_path (commandline -ct)
      case '*'
        echo $line
    end
  end
end
complete -c cairn -f -a '(__cairn_complete)'
`,
}
