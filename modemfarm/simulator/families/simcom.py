"""SIMCom: the 2G modules behind serial bridges, and the LTE modules of the SIM7600 kind."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

SIM800 = Personality(
    name="sim800",
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800",
    revision="Revision:1418B05SIM800L24",
    information=("SIM800 R14.18",),
    iccid_command="+CCID",
    iccid_prefix="",  # the prefix may be absent [TG]
    cnmi=cnmi("(0-3),(0-3),(0,2),(0,1),(0,1)", (0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),  # SIM800L [GA]
    cpms_offered='("SM"),("SM"),("SM")',  # SM, as large as the SIM
    boot=((0.0, "RDY"), (0.2, "+CFUN: 1"), (0.5, "+CPIN: READY"), (2.0, "Call Ready"), (3.0, "SMS Ready")),
    sms_ready_after_s=3.0,  # CMGF fails before "SMS Ready"
    sim_settles_s=0.5,
    full_line="+SMS FULL",
    sim_gone=("+CPIN: NOT INSERTED",),
    sim_back=("+CPIN: READY", "SMS Ready"),
    csms=frozenset({0}),
    cnma=frozenset(),  # SIMCom has none [OF]
    pin_counter=("+SPIC", "+SPIC: {pin},{puk},3,10"),
    pin_settles_s=1.0,
    power_off={"+CPOWD=1": "NORMAL POWER DOWN"},  # PWRKEY or power brings it back [SIM800]
    brown_out=("UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE POWER DOWN"),  # bursts of 2 A are needed [SIM800]
    ussd="gsm",  # +CSCS="HEX" with a plain code gives +CUSD: 2 [TG]
    ussd_refusal="cusd2",
    vendor={
        "+EXUNSOL=": "",
        "+CMTE?": "+CMTE: 0,{temp}.00",
        "+CBC": "+CBC: 0,95,{mv}",
        "+CENG?": "+CENG: 0,0",  # unverified
    },
)

SIM7600 = Personality(
    name="sim7600",
    manufacturer="SIMCOM INCORPORATED",
    model="SIMCOM_SIM7600E-H",
    revision="+CGMR: LE20B03SIM7600M22",
    information=(
        "Manufacturer: SIMCOM INCORPORATED",
        "Model: SIMCOM_SIM7600E-H",
        "Revision: SIM7600M22_V2.0",
        "IMEI: {imei}",
        "+GCAP: +CGSM",
    ),
    act=7,
    iccid_command="+CICCID",
    iccid_prefix="+ICCID: ",  # the answer's prefix is not the command's [TG]
    cnmi=cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("ME","SM"),("ME","SM"),("ME","SM")',
    capacities={"ME": 23},
    first_memory="ME",
    index_base=0,  # [SIM7600]
    boot=((0.0, "RDY"), (0.5, "+CPIN: READY"), (2.0, "SMS DONE"), (3.0, "PB DONE")),
    sms_ready_after_s=2.0,
    sim_settles_s=0.5,
    chatter=("+NITZ: 26/03/02,08:00:00+32,0", "+CNSMOD: 8"),
    full_line="+SMS FULL",
    sim_gone=("+SIMCARD: NOT AVAILABLE", "+CPIN: NOT READY"),  # shape
    sim_back=("+CPIN: READY", "SMS DONE", "PB DONE"),
    cnma=frozenset(),  # [OF]
    restart=frozenset({"+CFUN=1,1", "+CRESET"}),
    power_off={"+CPOF": ""},
    drops_port=True,
    pin_counter=("+SPIC", "+SPIC: {pin},{puk},3,10"),
    pin_settles_s=1.0,
    ussd="charset",
    missed=("MISSED_CALL: 08:00AM {number}",),  # [TG]
    ring=(),
    vendor={
        "+CPSI?": "+CPSI: LTE,Online,460-00,0x1A2B,12345678,123,EUTRAN-BAND3,1300,5,5,-95,{rsrp10},{dbm},15",
        "+CNSMOD?": "+CNSMOD: 0,8",
        "+CNSMOD=": "",
        "+CNMP?": "+CNMP: 2",  # 2 auto, 13 GSM, 14 WCDMA, 38 LTE
        "+CNMP=": "",
        "+CPMUTEMP": "+CPMUTEMP: {temp}",
        "+CBC": "+CBC: {volts}V",  # shape
        "+CESQ": "+CESQ: 99,99,255,255,20,{cesq}",
    },
)
