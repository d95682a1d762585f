/** The shells that complete commands. */
export type Shell = 'bash' | 'zsh' | 'fish';

// A project's own command is not on the PATH.
const own = 'node_modules/.bin/omnitenant';

const bash = `_omnitenant() {
  local command=omnitenant line=\${COMP_LINE:0:COMP_POINT} words current
  type -P omnitenant >/dev/null || command=${own}
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[\${#words[@]} - 1]}
  COMPREPLY=($("$command" completion words -- "\${words[@]:1}" 2>/dev/null))
  # bash takes what follows a colon for a word of its own.
  [[ $current == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  return 0
}
complete -o default -F _omnitenant omnitenant`;

const zsh = `#compdef omnitenant
_omnitenant() {
  local command=omnitenant
  local -a found
  (( $+commands[omnitenant] )) || command=${own}
  found=(\${(f)"$($command completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _omnitenant omnitenant`;

const fish = `function __omnitenant
  set -l command omnitenant
  type -q omnitenant; or set command ${own}
  set -l typed (commandline -opc)
  $command completion words -- $typed[2..-1] (commandline -ct) 2>/dev/null
end
complete -c omnitenant -a '(__omnitenant)'`;

/** What each shell runs to complete the command. */
export const shellScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
