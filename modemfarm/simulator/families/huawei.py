"""Huawei: E-type sticks, and the ME/MS modules of LTE times."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

_SIM_GONE, _SIM_BACK = ("^SIMST:255", "^SRVST:0"), ("^SIMST:1", "^SRVST:2")

HUAWEI = Personality(
    # E1xx/E173 stick. Echo on after power-up; CGMI in lower case and CGMM "E173" [CD, MM].
    name="huawei",
    manufacturer="huawei",
    model="E173",
    revision="11.126.15.00.461",
    information=(
        "Manufacturer: huawei",
        "Model: E173",
        "Revision: 11.126.15.00.461",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    act=2,
    iccid_command="^ICCID",
    iccid_kind="read",
    iccid_prefix="^ICCID: ",
    # Qualcomm-based: ds=1 is listed and refused while 2 works [MM]; ds=2 announces +CDSI: "SM",n and the report
    # really lies in that store [CD].
    cnmi=cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 2), (0, 1)),
    cpms_offered='("ME","SM"),("ME","SM"),("ME","SM")',
    capacities={"ME": 23},  # E1752: SM 50, ME 23 [GA]
    index_base=0,  # E-sticks start at 0 [GA]
    boot=(
        (0.0, "^BOOT:10551823,0,0,0,72"),
        (0.5, "^SIMST:1"),
        (1.0, "^SRVST:2"),
        (1.0, "^MODE:5,4"),
        (1.0, "^RSSI:18"),
    ),
    unknown_command="COMMAND NOT SUPPORT",  # instead of ERROR [CD, MM]
    chatter=(
        "^RSSI:18",
        "^BOOT:10551823,0,0,0,72",
        "^DSFLOWRPT:0000000C,00000000,00000000,0000000000000000,0000000000000000",
        "^CSNR:-71,-9",
        "^LWURC:0,0,0",
    ),
    chatter_off=("^CURC", "0"),  # silences the status lines, SMS lines stay [SL, GA]
    full_line='^SMMEMFULL: "{memory}"',
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
    cmms=frozenset({0, 1}),  # E1752: CMS 500 on CMMS=2 [GA #138]
    cnma=frozenset({"bare", "0"}),  # an acknowledging PDU is not supported [OF]
    restart=frozenset({"+CFUN=1,1", "^RESET"}),
    drops_port=True,
    pin_counter=("^CPIN?", "^CPIN: {state},{pin},{puk},{pin},{puk},3"),  # [OF, MM]
    pin_settles_s=2.0,  # SIM busy for a few seconds; a pause of 3 s is wanted [MM]
    ussd="packed",  # 7-bit packed as hex both ways [CD, GA]
    ussd_refusal="error",  # E1752, ^USSDMODE=1: ERROR for plain text [CD, GA]
    ring=(),
    vendor={
        "^SYSINFO": "^SYSINFO:2,3,0,5,1,,4",
        "^HCSQ?": '^HCSQ:"WCDMA",{hcsq_rssi},{hcsq_rscp},55',  # RSSI -121+v, RSCP -121+v, Ec/Io -32.5+v/2 [MM]
        "^CURC=": "",
        "^PORTSEL=": "",
        "^U2DIAG=": "",
        "^RFSWITCH=": "",
        "^RFSWITCH?": "^RFSWITCH:1,1",
        "^CVOICE=": "",
        "^DDSETEX=": "",
        "^SYSCFG=": "",
        "^CHIPTEMP?": "^CHIPTEMP: {temp10},65535,65535,65535,65535",  # 0.1 °C, 65535 is invalid [3G, QM]
    },
)

HUAWEI_ME = Personality(
    # ME909s, and the MS2131 with the same command set. MBIM composition by default; serial ports stay usable [UMS].
    name="huawei-me",
    manufacturer="Huawei Technologies Co., Ltd.",
    model="ME909s-120",
    revision="11.617.09.00.00",
    information=(
        "Manufacturer: Huawei Technologies Co., Ltd.",
        "Model: ME909s-120",
        "Revision: 11.617.09.00.00",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    act=7,
    iccid_command="^ICCID",
    iccid_kind="read",
    iccid_prefix="^ICCID: ",
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 100},
    index_base=0,
    boot=(
        (1.5, "^SIMST:1"),
        (2.0, "^SRVST:2"),
        (2.0, '^HCSQ:"LTE",46,50,131,18'),
        (2.5, "^NWTIME:26/03/02,08:00:00+32,0"),
    ),
    sms_ready_after_s=2.0,
    sim_settles_s=1.5,
    unknown_command="COMMAND NOT SUPPORT",
    chatter=('^HCSQ:"LTE",46,50,131,18', "^LTERSRP:-91,-9", "^HRSSILVL:80", "^NDISSTAT:0"),
    chatter_off=("^CURC", "0"),
    full_line='^SMMEMFULL: "{memory}"',
    sim_gone=_SIM_GONE,
    sim_back=_SIM_BACK,
    cnma=frozenset({"bare", "0"}),
    restart=frozenset({"+CFUN=1,1", "+CFUN=16", "^RESET"}),  # +CFUN=16 on MU736 [MM]
    drops_port=True,
    pin_counter=("^CPIN?", "^CPIN: {state},{pin},{puk},{pin},{puk},3"),
    pin_settles_s=2.0,
    ussd="charset",
    ussd_refusal="cme258",  # "retry operation", also seen for a bad coding [MM]
    vendor={
        "^SYSINFOEX": '^SYSINFOEX:2,3,0,1,,6,"LTE",101,"LTE"',  # shape
        "^HCSQ?": '^HCSQ:"LTE",{hcsq_rssi},{hcsq_rsrp},131,18',  # RSRP -141+v, SINR -20.2+v/5, RSRQ -20+v/2 [MM]
        "^CHIPTEMP?": "^CHIPTEMP: {temp10},{temp10},65535,65535,65535",
        "^CURC=": "",
        "^PORTSEL=": "",
        "^SYSCFGEX=": "",
        "^RFSWITCH=": "",
        "^SETPORT?": "^SETPORT:A1,A2;1,16,3,2,A1,A2",
        "^GETPORTMODE": "^GETPORTMODE: TYPE: WCDMA: huawei,PCUI:2,MDM:0,DIAG:1",
    },
)
